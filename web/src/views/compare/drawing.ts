// The error map and the bar chart of a code.

import type { Shape } from "../../images/pixels";

/** Of a code: its units, or for feature maps the mean activity of each map. */
export function unitsOf(z: Float32Array, shape: readonly number[]): Float32Array {
  if (shape.length === 1) return z;
  const maps = shape[shape.length - 1]!;
  const values = new Float32Array(maps);
  z.forEach((value, i) => (values[i % maps]! += (Math.abs(value) * maps) / z.length));
  return values;
}

/** Too bright in red, too dark in blue, and gray where the output is right. */
export function drawErrors(
  canvas: HTMLCanvasElement,
  x: Float32Array,
  output: Float32Array,
  shape: Shape,
): void {
  const [height, width, channels] = shape;
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    let error = 0;
    for (let c = 0; c < channels; c++) {
      error += (output[i * channels + c]! - x[i * channels + c]!) / channels;
    }
    const strength = Math.min(1, Math.sqrt(Math.abs(error)));
    const [r, g, b] = error > 0 ? [226, 84, 66] : [66, 132, 226];
    const mixed = [r, g, b].map((value) => 34 + (value! - 34) * strength);
    image.data.set([mixed[0]!, mixed[1]!, mixed[2]!, 255], 4 * i);
  }
  canvas.getContext("2d")!.putImageData(image, 0, 0);
}

export function drawBars(
  canvas: HTMLCanvasElement,
  values: Float32Array,
  ink: string,
  line: string,
): void {
  const width = Math.round((canvas.clientWidth || 240) * devicePixelRatio);
  const height = Math.round((canvas.clientHeight || 64) * devicePixelRatio);
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d")!;
  const most = values.reduce((max, value) => Math.max(max, Math.abs(value)), 1e-6);
  const hasNegative = values.some((value) => value < 0);
  const zero = hasNegative ? height / 2 : height - 1;
  const reach = hasNegative ? height / 2 : height - 2;
  context.fillStyle = line;
  context.fillRect(0, Math.round(zero), width, devicePixelRatio);
  context.fillStyle = ink;
  const step = width / values.length;
  values.forEach((value, i) => {
    const size = (value / most) * reach;
    const gap = step > 3 * devicePixelRatio ? devicePixelRatio : 0;
    context.fillRect(
      i * step,
      Math.min(zero, zero - size),
      Math.max(1, step - gap),
      Math.abs(size),
    );
  });
}
