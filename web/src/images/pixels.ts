// Between pictures and the arrays that models take: height × width × channels.

import { element } from "../dom";

export type Shape = [height: number, width: number, channels: number];

/** Weights of red, green and blue in a gray value, as in Pillow. */
const LUMA = [0.299, 0.587, 0.114] as const;

export interface Picture {
  pixels: Float32Array;
  shape: Shape;
}

/** Draw an array to a canvas, one pixel each; values are clipped to [0, 1]. */
export function draw(canvas: HTMLCanvasElement, pixels: Float32Array, shape: Shape): void {
  const [height, width] = shape;
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  canvas.getContext("2d")!.putImageData(toImageData(pixels, shape), 0, 0);
}

export function toImageData(pixels: Float32Array, shape: Shape): ImageData {
  const [height, width, channels] = shape;
  const image = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) {
      // The array clips to [0, 255] and rounds.
      image.data[4 * i + c] = 255 * pixels[i * channels + (channels === 1 ? 0 : c)]!;
    }
    image.data[4 * i + 3] = 255;
  }
  return image;
}

export function canvasOf(pixels: Float32Array, shape: Shape): HTMLCanvasElement {
  const canvas = element("canvas");
  draw(canvas, pixels, shape);
  return canvas;
}

/** A picture that does not change often: each canvas costs time in every frame. */
export function imageOf(pixels: Float32Array, shape: Shape): HTMLImageElement {
  return element("img", {
    src: canvasOf(pixels, shape).toDataURL(),
    alt: "",
    width: shape[1],
    height: shape[0],
  });
}

/** Pixels of a canvas in the given number of channels, transparent ones on white. */
export function pixelsOf(canvas: HTMLCanvasElement, channels: number): Float32Array {
  const { width, height } = canvas;
  const { data } = canvas
    .getContext("2d", { willReadFrequently: true })!
    .getImageData(0, 0, width, height);
  const pixels = new Float32Array(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    const alpha = data[4 * i + 3]! / 255;
    const rgb = [0, 1, 2].map((c) => (data[4 * i + c]! / 255) * alpha + 1 - alpha);
    if (channels === 1) pixels[i] = rgb.reduce((sum, v, c) => sum + v * LUMA[c]!, 0);
    else for (let c = 0; c < 3; c++) pixels[i * 3 + c] = rgb[c]!;
  }
  return pixels;
}

/** Whether a picture is gray, so that one channel holds all of it. */
export function isGray(canvas: HTMLCanvasElement): boolean {
  const { data } = canvas
    .getContext("2d", { willReadFrequently: true })!
    .getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < data.length; i += 4) {
    if (data[i] !== data[i + 1] || data[i] !== data[i + 2]) return false;
  }
  return true;
}

/**
 * Scale a picture to a size: its middle, which fills the size, or all of it, on the
 * color of its corner.
 */
export function fitted(
  source: HTMLCanvasElement,
  width: number,
  height: number,
  shows: "middle" | "all",
): HTMLCanvasElement {
  const shares = [width / source.width, height / source.height];
  const scale = shows === "all" ? Math.min(...shares) : Math.max(...shares);
  let current = source;
  // The browser's scaling skips pixels when it shrinks by more than a half at once.
  while (current.width * 0.5 > source.width * scale) {
    current = scaled(current, Math.ceil(current.width / 2), Math.ceil(current.height / 2));
  }
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d")!;
  const w = Math.max(1, Math.round(source.width * scale));
  const h = Math.max(1, Math.round(source.height * scale));
  const corner = current.getContext("2d")!.getImageData(0, 0, 1, 1).data;
  context.fillStyle = corner[3]! < 255 ? "#fff" : `rgb(${corner[0]} ${corner[1]} ${corner[2]})`;
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(current, Math.round((width - w) / 2), Math.round((height - h) / 2), w, h);
  return canvas;
}

export function scaled(
  source: CanvasImageSource,
  width: number,
  height: number,
): HTMLCanvasElement {
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, width, height);
  return canvas;
}

export function inverted(pixels: Float32Array): Float32Array {
  return pixels.map((value) => 1 - value);
}

/** The largest picture that is opened: 40 megapixels need half a gigabyte. */
const MOST_PIXELS = 40e6;

/** Decode an image file; the browser turns it upright. */
export async function decode(file: Blob): Promise<HTMLCanvasElement> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error("The browser cannot read this file as an image. Try a PNG, JPEG or WebP file.");
  }
  if (bitmap.width * bitmap.height > MOST_PIXELS) {
    throw new Error(
      `This image has ${Math.round((bitmap.width * bitmap.height) / 1e6)} megapixels; ` +
        `at most ${MOST_PIXELS / 1e6} are opened. Make it smaller first.`,
    );
  }
  return scaled(bitmap, bitmap.width, bitmap.height);
}

/** Peak signal-to-noise ratio of two arrays in [0, 1], in dB. */
export function peakSnr(x: Float32Array, other: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i]! - other[i]!) ** 2;
  return 10 * Math.log10(x.length / sum);
}

export function toPng(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) =>
      blob ? resolve(blob) : reject(new Error("The PNG could not be written.")),
    );
  });
}
