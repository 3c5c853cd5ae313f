// Series: read from text, spoiled on purpose, and scored.

import type { Engine } from "../../engine/engine";
import type { Arrays } from "../../engine/messages";
import { normal } from "../../images/noise";
import { sizeOf } from "../../models";
import type { Model, Scaling } from "../../models";

const NOISE = 0.3; // standard deviations of a feature
const SHIFT = 0.12; // of the length
const FEWEST = 8; // values that can be stretched to a series

export interface Parsed {
  values: Float32Array;
  note: string;
}

/** Read the numbers of a text as one series of a model. Throws what is wrong with it. */
export function parse(text: string, model: Model, standardizes: boolean): Parsed {
  const shape = model.input_shape!;
  const [length, wanted] = [shape[0]!, sizeOf(shape)];
  const words = text.split(/[\s,;]+/).filter((word) => word !== "");
  const bad = words.find((word) => !Number.isFinite(Number(word)));
  if (bad !== undefined) throw new Error(`Expected numbers. Received: “${bad.slice(0, 20)}”.`);
  const numbers = words.map(Number);
  let values: Float32Array = Float32Array.from(numbers);
  let note = "";
  if (numbers.length !== wanted) {
    const features = wanted / length;
    if (features > 1 || numbers.length < FEWEST) {
      const rows = features > 1 ? ` (${length} rows of ${features})` : "";
      throw new Error(`Expected ${wanted} numbers${rows}. Received ${numbers.length}.`);
    }
    values = stretched(values, wanted);
    note = `${numbers.length} numbers, stretched to ${wanted}.`;
  }
  return { values: standardizes ? standardized(values) : values, note };
}

function stretched(values: Float32Array, length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    const place = (i / (length - 1)) * (values.length - 1);
    const left = Math.min(values.length - 2, Math.floor(place));
    return values[left]! + (place - left) * (values[left + 1]! - values[left]!);
  });
}

/** Mean 0 and standard deviation 1. */
export function standardized(values: Float32Array): Float32Array {
  const { mean, deviation } = moments(values, 1)[0]!;
  return values.map((value) => (value - mean) / deviation);
}

/** Mean and standard deviation of each feature. */
function moments(values: Float32Array, features: number): { mean: number; deviation: number }[] {
  return Array.from({ length: features }, (_, f) => {
    const lane = values.filter((_, i) => i % features === f);
    const mean = lane.reduce((sum, value) => sum + value, 0) / lane.length;
    const variance = lane.reduce((sum, value) => sum + (value - mean) ** 2, 0) / lane.length;
    return { mean, deviation: Math.sqrt(variance) || 1 };
  });
}

/** Ways to spoil a series, whatever the units of its features are. */
export const SPOILS: Record<
  string,
  (values: Float32Array, features: number, seed: number) => Float32Array
> = {
  "Add noise": (values, features, seed) => {
    const [draw, each] = [normal(seed), moments(values, features)];
    return values.map((value, i) => value + NOISE * each[i % features]!.deviation * draw());
  },
  Flip: (values, features) => {
    const each = moments(values, features);
    return values.map((value, i) => 2 * each[i % features]!.mean - value);
  },
  Shift: (values, features) => {
    const step = features * Math.max(1, Math.round((SHIFT * values.length) / features));
    return values.map((_, i) => values[(i + values.length - step) % values.length]!);
  },
};

export interface Scored {
  reconstruction: Float32Array;
  score: number | null;
}

export async function score(engine: Engine, model: Model, series: Float32Array): Promise<Scored> {
  const { url } = model.file;
  const x = scaled(series, model.scaling);
  const { reconstruction } = await engine.ask("run", [url, "reconstruct", { x }]);
  const result = { reconstruction: unscaled(reconstruction!, model.scaling) };
  if (model.signatures.includes("score")) {
    const inputs: Arrays = { x };
    if (model.prior !== null) inputs["eps"] = draws(sizeOf(model.latent_shape!));
    const { score } = await engine.ask("run", [url, "score", inputs]);
    return { ...result, score: score![0]! };
  }
  // A file in eight bits has no such signature: its range is too small for a score.
  return { ...result, score: isGaussian(model) ? halfSquaredError(x, reconstruction!) : null };
}

function isGaussian(model: Model): boolean {
  return model.score_terms?.length === 1 && model.score_terms[0] === "gaussian";
}

function halfSquaredError(x: Float32Array, other: Float32Array): number {
  return x.reduce((sum, value, i) => sum + (value - other[i]!) ** 2 / 2, 0);
}

function draws(count: number): Float32Array {
  const draw = normal(1);
  return Float32Array.from({ length: count }, draw);
}

function scaled(x: Float32Array, scaling: Scaling | null): Float32Array {
  if (scaling === null) return x;
  return x.map((value, i) => (value - at(scaling.shift, i)) / at(scaling.width, i));
}

function unscaled(x: Float32Array, scaling: Scaling | null): Float32Array {
  if (scaling === null) return x;
  return x.map((value, i) => value * at(scaling.width, i) + at(scaling.shift, i));
}

function at(values: number | number[], place: number): number {
  return Array.isArray(values) ? values[place % values.length]! : values;
}
