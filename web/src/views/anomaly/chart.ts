// The chart of a series with its reconstruction and error, which can be bent by hand.

import { cleared, color, element } from "../../dom";

const PAD = 10;
const LANE = 84; // height of a feature, of several
const BEND = 0.025; // of the length: how wide a drag bends a line
const ERROR_SHARE = 0.22; // of a lane, for the error below the lines

export class Chart {
  readonly root: HTMLCanvasElement;
  private values: Float32Array = new Float32Array(0);
  private reconstruction: Float32Array = new Float32Array(0);
  private ranges: [number, number][] = [];

  /** `shape` is (length,) or (length, features); each feature has a lane. */
  constructor(
    private readonly shape: number[],
    onBend: (values: Float32Array) => void,
    private readonly names: string[],
  ) {
    const label = "Series and reconstruction";
    this.root = element("canvas", { class: "chart", role: "img", "aria-label": label });
    let isDown = false;
    this.root.addEventListener("pointerdown", (event) => {
      this.root.setPointerCapture(event.pointerId);
      isDown = true;
      onBend(this.bent(event));
    });
    this.root.addEventListener("pointermove", (event) => isDown && onBend(this.bent(event)));
    for (const name of ["pointerup", "pointercancel"]) {
      this.root.addEventListener(name, () => (isDown = false));
    }
    if (this.features > 1) this.root.style.height = `${LANE * this.features}px`;
    new ResizeObserver(() => this.draw()).observe(this.root);
  }

  get features(): number {
    return this.shape[1] ?? 1;
  }

  show(values: Float32Array, reconstruction: Float32Array, keepsRange: boolean): void {
    [this.values, this.reconstruction] = [values, reconstruction];
    if (!keepsRange || this.ranges.length === 0) {
      this.ranges = Array.from({ length: this.features }, (_, f) => this.range(f));
    }
    this.draw();
  }

  private range(feature: number): [number, number] {
    const all = [this.values, this.reconstruction].flatMap((series) => this.lane(series, feature));
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const margin = 0.08 * (high - low) || 1;
    return [low - margin, high + margin];
  }

  private lane(series: Float32Array, feature: number): number[] {
    return Array.from({ length: this.shape[0]! }, (_, i) => series[i * this.features + feature]!);
  }

  /** The series with the line drawn to the pointer, smoothly on both sides. */
  private bent(event: PointerEvent): Float32Array {
    const box = this.root.getBoundingClientRect();
    const length = this.shape[0]!;
    const share = (event.clientX - box.left - PAD) / (box.width - 2 * PAD);
    const center = Math.min(1, Math.max(0, share)) * (length - 1);
    const height = box.height / this.features;
    const y = Math.min(box.height - 1, Math.max(0, event.clientY - box.top));
    const feature = Math.floor(y / height);
    const [low, high] = this.ranges[feature]!;
    const inLane = (y - feature * height) / (height * (1 - ERROR_SHARE));
    const target = high - Math.min(1, inLane) * (high - low);
    const result = this.values.slice();
    const width = Math.max(1, BEND * length);
    for (let i = 0; i < length; i++) {
      const weight = Math.exp(-(((i - center) / width) ** 2) / 2);
      const place = i * this.features + feature;
      result[place]! += weight * (target - result[place]!);
    }
    return result;
  }

  draw(): void {
    if (this.values.length === 0) return;
    const { context, width, height } = cleared(this.root);
    if (width === 0) return;
    for (let f = 0; f < this.features; f++)
      this.drawLane(context, f, width, height / this.features);
  }

  private drawLane(
    context: CanvasRenderingContext2D,
    f: number,
    width: number,
    height: number,
  ): void {
    const top = f * height;
    const [low, high] = this.ranges[f]!;
    const length = this.shape[0]!;
    const x = (i: number) => PAD + (i / (length - 1)) * (width - 2 * PAD);
    const y = (value: number) => top + ((high - value) / (high - low)) * height * (1 - ERROR_SHARE);
    const [input, output] = [this.lane(this.values, f), this.lane(this.reconstruction, f)];
    context.fillStyle = color("alarm");
    const bottom = top + height - 2;
    const step = (width - 2 * PAD) / length;
    input.forEach((value, i) => {
      const error = Math.min(1, Math.abs(value - output[i]!) / ((high - low) / 2));
      const size = Math.sqrt(error) * height * ERROR_SHARE * 0.9;
      context.fillRect(x(i) - step / 2, bottom - size, Math.max(1, step - 0.5), size);
    });
    if (this.features > 1) {
      context.fillStyle = color("muted");
      context.font = "12px system-ui, sans-serif";
      context.fillText(this.names[f] ?? `feature ${f + 1}`, PAD, top + 12);
    }
    for (const [series, name, thickness] of [
      [output, "accent", 2],
      [input, "ink", 2.2],
    ] as const) {
      context.strokeStyle = color(name);
      context.lineWidth = thickness;
      context.lineJoin = "round";
      context.beginPath();
      series.forEach((value, i) => context.lineTo(x(i), y(value)));
      context.stroke();
    }
  }
}

/** A small picture of a series: of several features, each in its own range. */
export function sparkline(values: number[], features: number, ink: string): HTMLCanvasElement {
  const [width, height] = [96, 56];
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d")!;
  context.strokeStyle = ink;
  context.lineWidth = features > 1 ? 1.2 : 2.5;
  for (let f = 0; f < features; f++) {
    const lane = values.filter((_, i) => i % features === f);
    const [low, high] = [Math.min(...lane), Math.max(...lane)];
    context.beginPath();
    lane.forEach((value, i) => {
      const y = 4 + ((high - value) / (high - low || 1)) * (height - 8);
      context.lineTo((i / (lane.length - 1)) * width, y);
    });
    context.stroke();
  }
  return canvas;
}
