// Messages between the page and the worker that runs the models.

import type { NoiseKind } from "../images/noise";

/** Arrays by the names of tensors. */
export type Arrays = Record<string, Float32Array>;

export type Accelerator = "wasm" | "webgpu";

/** What is known of a file that is open. */
export interface Facts {
  /** What runs it, which may differ from what was wanted. */
  accelerator: Accelerator;
  /** Shapes of the inputs of each signature. */
  inputs: Record<string, Record<string, number[]>>;
}

export interface TileJob {
  /** Height × width × channels, in the range of the model. */
  pixels: Float32Array;
  height: number;
  width: number;
  channels: number;
  /** Side lengths of the model's input, and its channels. */
  tile: [number, number, number];
}

export interface TrainJob {
  /** Inputs of each step, one after the other. */
  steps: Arrays[];
}

/** What the worker can be asked for: arguments and result of each request. */
export interface Requests {
  open: { arguments: [url: string, accelerator: Accelerator]; result: Facts };
  run: { arguments: [url: string, signature: string, inputs: Arrays]; result: Arrays };
  addNoise: {
    arguments: [pixels: Float32Array, kind: NoiseKind, amount: number, seed: number];
    result: Float32Array;
  };
  restoreTiles: { arguments: [url: string, job: TileJob]; result: Float32Array };
  train: { arguments: [url: string, job: TrainJob]; result: Float32Array };
  cancel: { arguments: []; result: null };
}

export type Method = keyof Requests;

export interface Request<M extends Method = Method> {
  id: number;
  method: M;
  arguments: Requests[M]["arguments"];
}

export interface Progress {
  done: number;
  all: number;
  /** Of a training: the loss of the last step. */
  loss?: number;
}

export type Answer =
  | { id: number; kind: "result"; result: unknown }
  | { id: number; kind: "progress"; progress: Progress }
  | { id: number; kind: "error"; message: string };
