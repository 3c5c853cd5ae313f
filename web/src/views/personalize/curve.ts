// The loss of each step of a training.

import { cleared, color, element } from "../../dom";

const SMOOTHING = 0.9;

export class Curve {
  readonly root = element("canvas", {
    class: "curve",
    role: "img",
    "aria-label": "Loss of each step",
  });
  private losses: number[] = [];
  private all = 1;

  begin(steps: number): void {
    this.losses = [];
    this.all = steps;
    this.draw();
  }

  add(loss: number): void {
    this.losses.push(loss);
    this.draw();
  }

  draw(): void {
    const { context, width, height } = cleared(this.root);
    context.fillStyle = color("line");
    context.fillRect(0, height - 1, width, 1);
    if (this.losses.length < 2) return;
    const high = Math.max(...this.losses);
    const low = Math.min(0, ...this.losses);
    const x = (i: number) => (i / Math.max(1, this.all - 1)) * width;
    const y = (loss: number) => 4 + ((high - loss) / (high - low || 1)) * (height - 8);
    context.fillStyle = color("muted");
    context.globalAlpha = 0.5;
    this.losses.forEach((loss, i) => context.fillRect(x(i) - 1, y(loss) - 1, 2, 2));
    context.globalAlpha = 1;
    context.strokeStyle = color("accent");
    context.lineWidth = 2.5;
    context.beginPath();
    let mean = this.losses[0]!;
    this.losses.forEach((loss, i) => {
      mean = SMOOTHING * mean + (1 - SMOOTHING) * loss;
      context.lineTo(x(i), y(mean));
    });
    context.stroke();
  }
}
