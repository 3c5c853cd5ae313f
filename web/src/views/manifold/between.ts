// Interpolation: the pictures on the straight line between two codes.

import { button, element, slider } from "../../dom";
import { imageOf } from "../../images/pixels";
import type { Shape } from "../../images/pixels";

const FRAMES = 9;

interface Options {
  shape: Shape;
  decodeRows: (rows: Float32Array) => Promise<Float32Array>;
  /** The code of the picture that is shown now. */
  present: () => Float32Array;
  /** Show a code. */
  onMove: (z: Float32Array, event: Event) => void;
}

export class Between {
  readonly root: HTMLElement;
  private readonly frames: HTMLElement[];
  private readonly share;

  constructor(
    private ends: [Float32Array, Float32Array],
    private readonly options: Options,
  ) {
    this.share = slider(
      "From start to end",
      { min: 0, max: 1, step: 0.01, value: 0 },
      (value) => `${Math.round(100 * value)} %`,
      (value, event) => options.onMove(this.code(value), event),
    );
    this.frames = Array.from({ length: FRAMES }, (_, i) =>
      element("button", {
        type: "button",
        class: "thumbnail",
        "aria-label": `${Math.round((100 * i) / (FRAMES - 1))} % of the way`,
        click: (event: Event) => {
          this.share.set(i / (FRAMES - 1));
          options.onMove(this.code(i / (FRAMES - 1)), event);
        },
      }),
    );
    this.root = element(
      "section",
      { class: "card between", "aria-label": "Interpolation" },
      element("h3", {}, "Between two pictures"),
      element("div", { class: "strip" }, ...this.frames),
      this.share.root,
      element(
        "div",
        { class: "row" },
        button("Start here", () => this.setEnd(0)),
        button("End here", () => this.setEnd(1)),
      ),
    );
    void this.refresh();
  }

  private setEnd(place: 0 | 1): void {
    this.ends[place] = this.options.present();
    this.share.set(place);
    void this.refresh();
  }

  private code(share: number): Float32Array {
    const [start, end] = this.ends;
    return start.map((value, i) => value + share * (end[i]! - value));
  }

  private async refresh(): Promise<void> {
    const size = this.ends[0].length;
    const rows = new Float32Array(FRAMES * size);
    for (let i = 0; i < FRAMES; i++) rows.set(this.code(i / (FRAMES - 1)), i * size);
    const decoded = await this.options.decodeRows(rows);
    const each = decoded.length / FRAMES;
    this.frames.forEach((frame, i) => {
      frame.replaceChildren(
        imageOf(decoded.subarray(i * each, (i + 1) * each), this.options.shape),
      );
    });
  }
}
