// A tour of the plane, for those who lean back.

import { button } from "../../dom";

const STRIDE = 0.35; // radians per second

export class Tour {
  readonly root = button("Take a tour", () => this.toggle());
  private frame = 0;

  /** `onMove` is called in each frame with a place on the plane. */
  constructor(private readonly onMove: (x: number, y: number) => void) {}

  private toggle(): void {
    if (this.frame !== 0) {
      this.stop();
      return;
    }
    const begin = performance.now();
    const step = (now: number) => {
      const angle = ((now - begin) / 1000) * STRIDE;
      // A curve that does not close soon, within the part that codes fill.
      this.onMove(1.9 * Math.sin(3 * angle), 1.7 * Math.sin(2 * angle + 0.4));
      this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
    this.root.textContent = "Stop the tour";
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.root.textContent = "Take a tour";
  }
}
