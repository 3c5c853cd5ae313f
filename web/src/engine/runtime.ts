// LiteRT: opened files, and their signatures run on named arrays.
//
// The worker runs it, and for the manifold the page itself too: a picture that is
// decoded where the pointer is handled does not wait for the next turn of the page.

import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";
import type { CompiledModel } from "@litertjs/core";
import { sizeOf } from "../models";
import type { Accelerator, Arrays, Facts } from "./messages";

interface Opened {
  model: CompiledModel;
  accelerator: Accelerator;
}

const opened = new Map<string, Promise<Opened>>();
let loading: Promise<void> | undefined;
let hasWebGpu = false;

// How far the values of WebGPU, which may compute in half precision, may be from those
// of WebAssembly before they are not used.
const TOLERANCE = 0.02;

/** The worker is one level below the page. */
const PAGE = typeof document === "undefined" ? new URL("..", self.location.href) : document.baseURI;

let adapter: Promise<GPUAdapter | null> | undefined;

/** Whether the browser has WebGPU, and not only its interface. */
export async function findsWebGpu(): Promise<boolean> {
  const gpu = (navigator as { gpu?: GPU }).gpu;
  adapter ??= gpu?.requestAdapter().catch(() => null) ?? Promise.resolve(null);
  return (await adapter) !== null;
}

async function load(): Promise<void> {
  hasWebGpu = await findsWebGpu();
  // The runtime reports what it does on the error stream, and warns where there is no
  // WebGPU, which is known by now.
  (self as { Module?: object }).Module = { printErr: report };
  const { warn } = console;
  console.warn = console.debug;
  try {
    await loadLiteRt(new URL("litert/", PAGE).href);
  } finally {
    console.warn = warn;
  }
}

/** Whether WebGPU is tried: what it lacks is no error, since WebAssembly is there. */
let isTrying = false;

/**
 * What the runtime last reported as an error. A run that fails inside it returns all the
 * same, with whatever is in memory.
 */
let failure: string | null = null;

function report(line: string): void {
  console.debug(line);
  if (!isTrying && line.startsWith("ERROR")) failure = line;
}

/** Throw if the runtime has reported an error since `failure` was cleared. */
function checkHasRun(): void {
  if (failure === null) return;
  const reason = failure.replace(/^ERROR: (\[[^\]]*\] )?/, "");
  throw new Error(`LiteRT cannot run this file in the browser: ${reason}. Try a float32 file.`);
}

/** Open a file, once. */
export async function open(url: string, wanted: Accelerator): Promise<Facts> {
  const { model, accelerator } = await openedOnce(url, wanted);
  const shapes = Object.entries(model.signatures).map(([key, runner]) => {
    const details = runner.getInputDetails();
    return [key, Object.fromEntries(details.map(({ name, shape }) => [name, Array.from(shape)]))];
  });
  return { accelerator, inputs: Object.fromEntries(shapes) };
}

function openedOnce(url: string, wanted: Accelerator): Promise<Opened> {
  let entry = opened.get(url);
  if (entry === undefined) {
    entry = compile(url, wanted);
    opened.set(url, entry);
    entry.catch(() => opened.delete(url));
  }
  return entry;
}

async function compile(url: string, wanted: Accelerator): Promise<Opened> {
  loading ??= load();
  const [response] = await Promise.all([fetch(new URL(url, PAGE)), loading]);
  const accelerator = hasWebGpu ? wanted : "wasm";
  if (!response.ok) throw new Error(`${url} could not be loaded (${response.status}).`);
  const content = new Uint8Array(await response.arrayBuffer());
  const model = await loadAndCompile(content, { accelerator: "wasm" });
  if (accelerator === "wasm") return { model, accelerator };
  const other = await onWebGpu(content);
  if (other !== null && (await isBetter(other, model).catch(() => false))) {
    model.delete();
    return { model: other, accelerator };
  }
  other?.delete();
  return { model, accelerator: "wasm" };
}

/** Compile for WebGPU alone; null if it lacks an operation of the model. */
async function onWebGpu(content: Uint8Array): Promise<CompiledModel | null> {
  const { warn } = console;
  console.warn = console.debug;
  isTrying = true;
  try {
    const model = await loadAndCompile(content, { accelerator: "webgpu" });
    if (model.isFullyAccelerated) return model;
    model.delete();
    return null;
  } catch (error) {
    console.debug(error);
    return null;
  } finally {
    isTrying = false;
    console.warn = warn;
  }
}

/** Whether a model on WebGPU has the values of another on WebAssembly, and sooner. */
async function isBetter(other: CompiledModel, known: CompiledModel): Promise<boolean> {
  const signature = "reconstruct" in known.signatures ? "reconstruct" : known.key;
  const inputs: Arrays = {};
  for (const { name, shape } of known.signatures[signature]!.getInputDetails()) {
    inputs[name] = Float32Array.from({ length: sizeOf(shape) }, (_, i) => (i * 0.618) % 1);
  }
  const timed = async (model: CompiledModel) => {
    await runOn(model, signature, inputs); // the first run prepares
    const begin = performance.now();
    const outputs = await runOn(model, signature, inputs);
    return { outputs, duration: performance.now() - begin };
  };
  const [slow, fast] = [await timed(known), await timed(other)];
  const agree = Object.entries(slow.outputs).every(([name, values]) =>
    values.every((value, i) => Math.abs(value - (fast.outputs[name]?.[i] ?? NaN)) < TOLERANCE),
  );
  return agree && fast.duration < slow.duration;
}

export async function run(url: string, signature: string, inputs: Arrays): Promise<Arrays> {
  const { model } = await openedOnce(url, "wasm");
  return runOn(model, signature, inputs);
}

async function runOn(model: CompiledModel, signature: string, inputs: Arrays): Promise<Arrays> {
  const runner = model.signatures[signature];
  if (runner === undefined) throw new Error(`The model has no signature '${signature}'.`);
  const tensors: Record<string, Tensor> = {};
  try {
    for (const { name, shape, dtype } of runner.getInputDetails()) {
      // A signature without inputs of its own has an unused one.
      const values = inputs[name] ?? new Float32Array(sizeOf(shape));
      const array = dtype === "int32" ? Int32Array.from(values) : values;
      tensors[name] = new Tensor(array, Array.from(shape));
    }
    const outputs: Arrays = {};
    failure = null;
    const results = await runner.run(tensors);
    checkHasRun();
    for (const [name, tensor] of Object.entries(results)) {
      const here = await tensor.moveTo("wasm");
      outputs[name] = Float32Array.from(here.toTypedArray());
      here.delete();
    }
    return outputs;
  } finally {
    for (const tensor of Object.values(tensors)) tensor.delete();
  }
}
