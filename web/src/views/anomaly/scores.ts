// Where a score lies among those of test samples, and what a threshold separates.

import { cleared, color, element } from "../../dom";
import type { Details } from "../../models";

const BINS = 44;

export class Scores {
  readonly root: HTMLCanvasElement;
  readonly low: number;
  readonly high: number;
  private score: number | null = null;

  constructor(
    private readonly known: NonNullable<Details["scores"]> | null,
    public threshold: number,
  ) {
    this.root = element("canvas", {
      class: "scores",
      role: "img",
      "aria-label": "Scores of test samples",
    });
    const values = known?.values ?? [threshold / 10, threshold * 10];
    this.low = Math.min(...values, threshold) * 0.8;
    this.high = Math.max(...values, threshold) * 1.25;
    new ResizeObserver(() => this.draw()).observe(this.root);
  }

  show(score: number | null): void {
    this.score = score;
    this.draw();
  }

  /** Shares of the anomalies that are found, and of normal samples that are flagged. */
  shares(): { found: number; flagged: number } | null {
    if (this.known === null) return null;
    const { values, anomalous } = this.known;
    const share = (kind: boolean) => {
      const scores = values.filter((_, i) => anomalous[i] === kind);
      return scores.filter((value) => value > this.threshold).length / scores.length;
    };
    return { found: share(true), flagged: share(false) };
  }

  /** Scores differ by orders of magnitude, so their axis is logarithmic. */
  private share(value: number): number {
    const share = Math.log(value / this.low) / Math.log(this.high / this.low);
    return Math.min(1, Math.max(0, share));
  }

  draw(): void {
    const { context, width, height } = cleared(this.root);
    if (width === 0) return;
    const bottom = height - 16;
    this.drawBins(context, width, bottom);
    context.fillStyle = color("line");
    context.fillRect(0, bottom, width, 1);
    this.mark(context, this.threshold, "threshold", "muted", width, bottom, true);
    if (this.score !== null) {
      const name = this.score > this.threshold ? "alarm" : "calm";
      this.mark(context, this.score, "this one", name, width, bottom, false);
    }
  }

  private drawBins(context: CanvasRenderingContext2D, width: number, bottom: number): void {
    const counts = [false, true].map(() => Array<number>(BINS).fill(0));
    this.known?.values.forEach((value, i) => {
      const bin = Math.min(BINS - 1, Math.floor(this.share(value) * BINS));
      counts[Number(this.known!.anomalous[i])]![bin]!++;
    });
    const most = Math.max(1, ...counts[0]!.map((count, i) => count + counts[1]![i]!));
    const step = width / BINS;
    for (let i = 0; i < BINS; i++) {
      let y = bottom;
      for (const [kind, name] of [
        [0, "calm"],
        [1, "alarm"],
      ] as const) {
        const size = (counts[kind]![i]! / most) * (bottom - 16);
        context.fillStyle = color(name);
        context.globalAlpha = 0.55;
        context.fillRect(i * step, y - size, step - 1, size);
        y -= size;
      }
      context.globalAlpha = 1;
    }
  }

  private mark(
    context: CanvasRenderingContext2D,
    value: number,
    text: string,
    name: string,
    width: number,
    bottom: number,
    isBelow: boolean,
  ): void {
    const x = this.share(value) * width;
    context.fillStyle = color(name);
    context.fillRect(x - 1, 0, 2.5, bottom);
    context.font = "12px system-ui, sans-serif";
    context.textAlign = x > width - 70 ? "right" : "left";
    const shift = x > width - 70 ? -5 : 5;
    context.fillText(text, x + shift, isBelow ? bottom + 13 : 11);
  }
}
