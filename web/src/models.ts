// The index of models that the Python package writes, and what belongs to each model.

export type Kind = "restore" | "anomaly" | "generate" | "encode";

export interface Scaling {
  shift: number | number[];
  width: number | number[];
}

/** A model, as `ae_zoo/explorer/index.py` describes it. */
export interface Model {
  name: string;
  variant: string | null;
  task: string | null;
  limits: string | null;
  kind: Kind;
  is_own: boolean;
  license: string | null;
  data: {
    name: string | null;
    license: string | null;
    homepage: string | null;
    columns: string[] | null;
  };
  /** Shapes of one sample in the file. */
  input_shape: number[] | null;
  latent_shape: number[] | null;
  signatures: string[];
  /** Whether the model takes images of any size; the file has one size. */
  is_any_size: boolean;
  input_range: [number, number] | null;
  loss: "bernoulli" | "gaussian" | null;
  score_terms: string[] | null;
  prior: string | null;
  quantization: string | null;
  scaling: Scaling | null;
  threshold: number | null;
  file: { url: string; bytes: number };
  details: string | null;
  trainable: { url: string; bytes: number } | null;
}

export interface Index {
  format_version: number;
  start: string | null;
  models: Model[];
}

/** Codes of test samples, with axes that suit them. */
export interface Codes {
  values: number[][];
  labels: number[] | null;
  center: number[];
  directions: number[][];
  deviations: number[];
}

export interface Details {
  codes?: Codes;
  scores?: { values: number[]; anomalous: boolean[] };
  examples?: { label: string; values: number[] }[];
  source?: string;
}

/** Digits of scikit-learn, which stand for inputs of a user's own. */
export interface Samples {
  source: string;
  labels: number[];
  /** Of each digit: 64 integers from 0 to 16. */
  small: number[][];
  /** Of each digit: 784 bytes in base64, in the style of MNIST. */
  large: string[];
}

export async function loadJson<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(`${url} could not be loaded (status ${response.status}).`);
  }
  return (await response.json()) as T;
}

const detailsByUrl = new Map<string, Promise<Details>>();

/** What the model's folder says of test samples; empty without `explorer.json`. */
export function detailsOf(model: Model): Promise<Details> {
  if (model.details === null) return Promise.resolve({});
  let details = detailsByUrl.get(model.details);
  if (details === undefined) {
    details = loadJson<Details>(model.details);
    detailsByUrl.set(model.details, details);
  }
  return details;
}

let samples: Promise<Samples> | undefined;

export function loadSamples(): Promise<Samples> {
  samples ??= loadJson<Samples>("samples.json");
  return samples;
}

export function sizeOf(shape: ArrayLike<number>): number {
  return Array.from(shape).reduce((product, size) => product * size, 1);
}

/** Whether a sample is an image: height, width, and one or three channels. */
export function takesImages(model: Model): boolean {
  const shape = model.input_shape;
  return shape !== null && shape.length === 3 && [1, 3].includes(shape[2] ?? 0);
}

export function takesSeries(model: Model): boolean {
  const rank = model.input_shape?.length ?? 0;
  return rank === 1 || rank === 2;
}

export function hasVectorCodes(model: Model): boolean {
  return model.latent_shape?.length === 1 && model.signatures.includes("decode");
}

/** The name in words: "denoising_mnist" is "denoising mnist". */
export function titleOf(model: Model): string {
  return model.name.replaceAll("_", " ");
}

/** Names of the classes of datasets whose labels do not say what they are. */
const CLASSES: Record<string, string> = {
  fashion_mnist: "T-shirt,trousers,pullover,dress,coat,sandal,shirt,sneaker,bag,ankle boot",
  cifar10: "airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck",
};

export function className(model: Model, label: number): string {
  return CLASSES[model.data.name ?? ""]?.split(",")[label] ?? String(label);
}
