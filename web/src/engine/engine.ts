// The page's side of the worker that runs the models.

import type { Answer, Method, Progress, Request, Requests } from "./messages";

interface Waiting {
  resolve: (result: never) => void;
  reject: (error: Error) => void;
  report: ((progress: Progress) => void) | undefined;
}

export class Engine {
  private worker: Worker | null = null;
  private readonly waiting = new Map<number, Waiting>();
  private last = 0;

  /** The manifold does without the worker, so it is started when it is needed. */
  private started(): Worker {
    if (this.worker !== null) return this.worker;
    this.worker = new Worker("litert/worker.js");
    this.worker.onmessage = (event: MessageEvent<Answer>) => this.receive(event.data);
    this.worker.onerror = (event) => {
      const error = new Error(event.message || "The worker could not be started.");
      for (const { reject } of this.waiting.values()) reject(error);
      this.waiting.clear();
    };
    return this.worker;
  }

  /** Ask the worker for something; `report` is called with its progress. */
  ask<M extends Method>(
    method: M,
    values: Requests[M]["arguments"],
    report?: (progress: Progress) => void,
  ): Promise<Requests[M]["result"]> {
    const id = ++this.last;
    const request: Request<M> = { id, method, arguments: values };
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, report });
      this.started().postMessage(request);
    });
  }

  private receive(answer: Answer): void {
    const waiting = this.waiting.get(answer.id);
    if (waiting === undefined) return;
    if (answer.kind === "progress") {
      waiting.report?.(answer.progress);
      return;
    }
    this.waiting.delete(answer.id);
    if (answer.kind === "error") waiting.reject(new Error(answer.message));
    else waiting.resolve(answer.result as never);
  }
}

/**
 * Make a function that runs with the most recent argument only: arguments that arrive
 * while it runs replace each other, as those of a moving pointer do.
 */
export function latestOnly<T>(work: (value: T) => Promise<void>): (value: T) => void {
  let isBusy = false;
  let next: { value: T } | null = null;
  return async (value) => {
    next = { value };
    if (isBusy) return;
    isBusy = true;
    try {
      while (next !== null) {
        const { value: current } = next as { value: T };
        next = null;
        await work(current);
      }
    } finally {
      isBusy = false;
    }
  };
}
