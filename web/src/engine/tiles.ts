// Large images in overlapping tiles, as in ae_zoo/models/tiling.py.

export interface Span {
  start: number;
  /** For each pixel of the tile: its share in the result. */
  weights: Float32Array;
}

/** Pixels over which two tiles are blended. */
const RAMP = 16;
/**
 * The part of a tile's side that is left unused at an inner border. The outermost pixels
 * depend on what is beyond the border; a wider margin would cost more than it improves.
 */
const MARGIN = 0.125;

/**
 * The tiles along one axis. Their weights add up to one at each pixel. At an inner
 * border a weight is 0 in the margin, whose pixels depend on what is beyond it.
 */
export function spans(length: number, tile: number): Span[] {
  if (length <= tile) return [{ start: 0, weights: new Float32Array(tile).fill(1) }];
  const ramp = Math.min(RAMP, Math.floor(tile / 8));
  const margin = Math.floor(Math.min(tile * MARGIN, (tile - ramp) / 3));
  const overlap = 2 * margin + ramp;
  const count = Math.ceil((length - overlap) / (tile - overlap));
  const found: Span[] = [];
  for (let i = 0; i < count; i++) {
    // Equal steps, so that the last tile is not a sliver.
    const start = Math.round(((length - tile) * i) / Math.max(1, count - 1));
    found.push({ start, weights: new Float32Array(tile).fill(1) });
  }
  for (let i = 1; i < count; i++) blend(found[i - 1]!, found[i]!, ramp);
  return found;
}

/** Let one tile fade out and the next one fade in, in the middle of their overlap. */
function blend(left: Span, right: Span, ramp: number): void {
  const tile = left.weights.length;
  const middle = (right.start + left.start + tile) / 2;
  for (let pixel = right.start; pixel < left.start + tile; pixel++) {
    const rise = (pixel + 0.5 - middle) / ramp + 0.5;
    const weight = Math.min(1, Math.max(0, rise));
    right.weights[pixel - right.start] = weight;
    left.weights[pixel - left.start] = 1 - weight;
  }
}

/** Copy a tile out of an image; beyond its border it is mirrored. */
export function cut(
  pixels: Float32Array,
  height: number,
  width: number,
  channels: number,
  channel: number | null,
  top: number,
  left: number,
  tileHeight: number,
  tileWidth: number,
): Float32Array {
  const taken = channel === null ? channels : 1;
  const tile = new Float32Array(tileHeight * tileWidth * taken);
  let next = 0;
  for (let y = 0; y < tileHeight; y++) {
    const row = mirrored(top + y, height) * width;
    for (let x = 0; x < tileWidth; x++) {
      const place = (row + mirrored(left + x, width)) * channels;
      if (channel !== null) tile[next++] = pixels[place + channel]!;
      else for (let c = 0; c < channels; c++) tile[next++] = pixels[place + c]!;
    }
  }
  return tile;
}

/** The place of a pixel in an image that is continued by its mirror image. */
function mirrored(place: number, size: number): number {
  const period = 2 * size;
  const folded = ((place % period) + period) % period;
  return folded < size ? folded : period - 1 - folded;
}
