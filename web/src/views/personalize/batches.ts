// The batches of a training: drawings with noise, mixed with digits.

import type { Arrays } from "../../engine/messages";
import { addNoise, normal, random } from "../../images/noise";
import type { Shape } from "../../images/pixels";
import { sizeOf } from "../../models";

/** Share of digits in a batch, so that the model does not forget them. */
const DIGITS = 0.25;
const MOST_SHIFT = 2; // pixels

export interface Plan {
  drawings: Float32Array[];
  digits: Float32Array[];
  shape: Shape;
  steps: number;
  /** Shapes of the inputs of the signature `train`. */
  inputs: Record<string, number[]>;
  /** Noise of each sample is drawn up to this σ. */
  noise: number;
  seed: number;
}

export function batches(plan: Plan): Arrays[] {
  const draw = random(plan.seed);
  return Array.from({ length: plan.steps }, () => batch(plan, draw));
}

function batch(plan: Plan, draw: () => number): Arrays {
  const count = plan.inputs["x"]![0]!;
  const size = sizeOf(plan.shape);
  const [clean, noisy] = [new Float32Array(count * size), new Float32Array(count * size)];
  for (let i = 0; i < count; i++) {
    const isDigit = plan.digits.length > 0 && draw() < DIGITS;
    const from = isDigit ? plan.digits : plan.drawings;
    const shift = () => Math.round((2 * draw() - 1) * MOST_SHIFT);
    const picture = from[Math.floor(draw() * from.length)]!;
    const moved = shifted(picture, plan.shape, shift(), shift());
    clean.set(moved, i * size);
    const amount = draw() * plan.noise;
    noisy.set(addNoise(moved, "gaussian", amount, Math.floor(draw() * 2 ** 31)), i * size);
  }
  const hasPairs = "y" in plan.inputs;
  const arrays: Arrays = hasPairs ? { x: noisy, y: clean } : { x: clean };
  for (const [name, shape] of Object.entries(plan.inputs)) {
    if (name in arrays) continue;
    arrays[name] = other(name, sizeOf(shape), Math.floor(draw() * 2 ** 31));
  }
  return arrays;
}

/** What else a training may ask for; see `ae_zoo.export.on_device`. */
function other(name: string, size: number, seed: number): Float32Array {
  if (name === "weight") return new Float32Array(size).fill(1);
  if (name === "signs") {
    const draw = random(seed);
    return Float32Array.from({ length: size }, () => (draw() < 0.5 ? -1 : 1));
  }
  const draw = normal(seed);
  return Float32Array.from({ length: size }, draw);
}

function shifted(picture: Float32Array, shape: Shape, right: number, down: number): Float32Array {
  const [height, width, channels] = shape;
  if (width <= 8) return picture; // a pixel is an eighth of the picture
  const result = new Float32Array(picture.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [fromY, fromX] = [y - down, x - right];
      if (fromY < 0 || fromY >= height || fromX < 0 || fromX >= width) continue;
      for (let c = 0; c < channels; c++) {
        result[(y * width + x) * channels + c] = picture[(fromY * width + fromX) * channels + c]!;
      }
    }
  }
  return result;
}
