// A signature on the rows of a matrix, without holding up everything else.

import type { Arrays } from "./messages";
import { run } from "./runtime";

const BUDGET = 6; // milliseconds of work before others have their turn

/** Run a signature of one input and one output on each row. */
export async function runRows(
  url: string,
  signature: "decode" | "encode",
  rows: Float32Array,
  size: number,
): Promise<Float32Array> {
  const name = signature === "decode" ? "z" : "x";
  const count = rows.length / size;
  let result = new Float32Array(0);
  let begin = performance.now();
  for (let i = 0; i < count; i++) {
    const inputs: Arrays = { [name]: rows.slice(i * size, (i + 1) * size) };
    const [output] = Object.values(await run(url, signature, inputs));
    if (i === 0) result = new Float32Array(count * output!.length);
    result.set(output!, i * output!.length);
    if (performance.now() - begin > BUDGET) {
      await pause();
      begin = performance.now();
    }
  }
  return result;
}

const channel = new MessageChannel();
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => waiting.shift()?.();

/** Let events and messages come through. Timers would wait for milliseconds. */
export function pause(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(null);
  });
}
