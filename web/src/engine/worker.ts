// The worker: it runs the models, so that the page stays responsive.

import { addNoise } from "../images/noise";
import type { Answer, Method, Progress, Request, Requests, TileJob, TrainJob } from "./messages";
import { pause } from "./rows";
import { open, run } from "./runtime";
import { cut, spans } from "./tiles";

type Report = (progress: Progress) => void;

let isCancelled = false;

/** Restore an image tile by tile; the channels one by one for a gray model. */
async function restoreTiles(url: string, job: TileJob, report: Report): Promise<Float32Array> {
  const { pixels, height, width, channels } = job;
  const [tileHeight, tileWidth, taken] = job.tile;
  const result = new Float32Array(pixels.length);
  const groups = taken === channels ? [null] : Array.from({ length: channels }, (_, c) => c);
  const [rows, columns] = [spans(height, tileHeight), spans(width, tileWidth)];
  const all = rows.length * columns.length * groups.length;
  let done = 0;
  isCancelled = false;
  for (const row of rows) {
    for (const column of columns) {
      for (const channel of groups) {
        const x = cut(
          pixels,
          height,
          width,
          channels,
          channel,
          row.start,
          column.start,
          tileHeight,
          tileWidth,
        );
        const { reconstruction } = await run(url, "reconstruct", { x });
        add(result, reconstruction!, job, row, column, channel);
        report({ done: ++done, all });
        await pause();
        if (isCancelled) throw new Error("Stopped.");
      }
    }
  }
  return result;
}

function add(
  result: Float32Array,
  tile: Float32Array,
  job: TileJob,
  row: { start: number; weights: Float32Array },
  column: { start: number; weights: Float32Array },
  channel: number | null,
): void {
  const { height, width, channels } = job;
  const [tileHeight, tileWidth, taken] = job.tile;
  for (let y = 0; y < Math.min(tileHeight, height - row.start); y++) {
    for (let x = 0; x < Math.min(tileWidth, width - column.start); x++) {
      const weight = row.weights[y]! * column.weights[x]!;
      const from = (y * tileWidth + x) * taken;
      const to = ((row.start + y) * width + column.start + x) * channels + (channel ?? 0);
      for (let c = 0; c < taken; c++) result[to + c]! += weight * tile[from + c]!;
    }
  }
}

/** Train the file on batch after batch; returns the losses. */
async function train(url: string, job: TrainJob, report: Report): Promise<Float32Array> {
  const all = job.steps.length;
  const losses = new Float32Array(all);
  isCancelled = false;
  for (const [i, inputs] of job.steps.entries()) {
    const { loss } = await run(url, "train", inputs);
    losses[i] = loss![0]!;
    report({ done: i + 1, all, loss: losses[i]! });
    await pause();
    if (isCancelled) return losses.slice(0, i + 1);
  }
  return losses;
}

type Methods = {
  [M in Method]: (report: Report, ...values: Requests[M]["arguments"]) => unknown;
};

const METHODS: Methods = {
  open: (_, url, accelerator) => open(url, accelerator),
  run: (_, url, signature, inputs) => run(url, signature, inputs),
  addNoise: (_, pixels, kind, amount, seed) => addNoise(pixels, kind, amount, seed),
  restoreTiles: (report, url, job) => restoreTiles(url, job, report),
  train: (report, url, job) => train(url, job, report),
  cancel: () => {
    isCancelled = true;
    return null;
  },
};

self.onmessage = async (event: MessageEvent<Request>) => {
  const { id, method, arguments: values } = event.data;
  const post = (message: Answer, transfer: Transferable[] = []) =>
    self.postMessage(message, { transfer });
  // The method determines the types of its arguments, which a union cannot say.
  const call = METHODS[method] as (report: Report, ...values: unknown[]) => unknown;
  try {
    const result = await call((progress) => post({ id, kind: "progress", progress }), ...values);
    post({ id, kind: "result", result }, result instanceof Float32Array ? [result.buffer] : []);
  } catch (error) {
    post({ id, kind: "error", message: error instanceof Error ? error.message : String(error) });
  }
};
