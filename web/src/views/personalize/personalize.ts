// Personalize: a model is trained in the browser on what the visitor draws.

import { button, download, element, short, slider } from "../../dom";
import { drawingToInput, samplesFor } from "../../images/digits";
import { addNoise } from "../../images/noise";
import { canvasOf, peakSnr } from "../../images/pixels";
import type { Shape } from "../../images/pixels";
import { loadSamples, takesImages } from "../../models";
import type { Model, Samples } from "../../models";
import { modelChoice } from "../../ui/model_choice";
import { drawingPad } from "../../ui/pad";
import type { Context, View } from "../view";
import { batches } from "./batches";
import { Curve } from "./curve";
import { npz } from "./npz";
import { symbols } from "./symbols";

const NOISE = 0.5;
const STEPS = 60;
const FRAME = 50; // milliseconds between two drawings of the curve

export const personalize: View = {
  name: "personalize",
  title: "Personalize",
  first: "denoising_mnist",
  lead: "Draw something that the model has never seen, and train it here, on this device.",
  canShow: (model) => takesImages(model) && model.trainable !== null,
  async show(root, context) {
    const { engine, model } = context;
    const url = model.trainable!.url;
    const [samples, { inputs }] = await Promise.all([
      loadSamples(),
      engine.ask("open", [url, "wasm"]),
    ]);
    const { weights } = await engine.ask("run", [url, "save", {}]);
    const studio = new Studio(context, samples, weights!, inputs["train"]!);
    root.append(modelChoice(context.models, model, context.choose), studio.root);
    const redraw = () => studio.redraw();
    window.addEventListener("theme", redraw);
    return () => {
      window.removeEventListener("theme", redraw);
      void engine.ask("cancel", []);
      void studio.reset();
    };
  },
};

class Studio {
  readonly root: HTMLElement;
  private readonly model: Model;
  private readonly url: string;
  private readonly shape: Shape;
  private readonly digits: Float32Array[];
  private readonly drawings: Float32Array[] = [];
  private readonly kept = element("div", { class: "drawings" });
  private readonly curve = new Curve();
  private readonly status = element("p", { class: "hint", role: "status" });
  private readonly pairs = element("div", { class: "pairs" });
  private readonly train: HTMLButtonElement;
  private readonly stop: HTMLButtonElement;
  private readonly save: HTMLButtonElement;
  private before: Float32Array[] = [];
  private steps = STEPS;
  private seed = 1;
  private isTraining = false;
  private isTrained = false;
  private pending = Promise.resolve();

  constructor(
    private readonly context: Context,
    samples: Samples,
    private readonly weights: Float32Array,
    private readonly inputs: Record<string, number[]>,
  ) {
    this.model = context.model;
    this.url = this.model.trainable!.url;
    this.shape = this.model.input_shape as Shape;
    this.digits = samplesFor(samples, this.shape, this.model.data.name);
    this.train = button("Train", () => {
      this.isTraining = true;
      this.update();
      this.enqueue(() => this.run());
    });
    this.stop = button("Stop", () => void context.engine.ask("cancel", []), "quiet");
    this.save = button("Download the weights", () => void this.download(), "quiet");
    this.root = this.layout();
    this.update();
  }

  redraw(): void {
    this.curve.draw();
  }

  /** Give the model its weights back: the worker keeps it open. */
  async reset(): Promise<void> {
    await this.context.engine.ask("run", [this.url, "restore", { weights: this.weights }]);
  }

  private layout(): HTMLElement {
    const pad = drawingPad("Pad to draw an example on", () => {});
    const keep = button("Keep this drawing", () => {
      const drawn = drawingToInput(pad.canvas, this.shape);
      if (drawn === null) {
        this.say("The pad is empty. Draw something first.");
        return;
      }
      this.add(drawn);
      pad.clear();
    });
    const ready = button(
      "Use five symbols",
      () => {
        for (const canvas of symbols()) this.add(drawingToInput(canvas, this.shape)!);
      },
      "quiet",
    );
    const steps = slider(
      "Steps",
      { min: 20, max: 400, step: 20, value: STEPS },
      String,
      (value) => (this.steps = value),
    );
    const again = button("Start again", () => void this.restart(), "quiet");
    return element(
      "div",
      { class: "columns reversed" },
      element(
        "section",
        { class: "card inputs" },
        element("h3", {}, "1. Draw a few examples"),
        pad.root,
        element("div", { class: "row" }, keep, ready),
        this.kept,
      ),
      element(
        "div",
        { class: "main" },
        element(
          "section",
          { class: "card" },
          element("h3", {}, "2. Train"),
          this.curve.root,
          steps.root,
          element("div", { class: "row" }, this.train, this.stop, again),
          this.status,
        ),
        element(
          "section",
          { class: "card" },
          element("h3", {}, "3. Before and after"),
          element(
            "p",
            { class: "hint" },
            `Noise ${NOISE}; left to right: noisy, before, after training.`,
          ),
          this.pairs,
          element("div", { class: "row" }, this.save),
          element(
            "p",
            { class: "hint" },
            "In Python: ae_zoo.lite.load('trainable.tflite').restore_weights(file)",
          ),
        ),
      ),
    );
  }

  private add(drawing: Float32Array): void {
    this.drawings.push(drawing);
    const remove = element(
      "button",
      { type: "button", class: "thumbnail", "aria-label": "Remove this drawing" },
      canvasOf(drawing, this.shape),
    );
    remove.addEventListener("click", () => {
      this.drawings.splice(this.drawings.indexOf(drawing), 1);
      remove.remove();
      this.changed();
    });
    this.kept.append(remove);
    this.changed();
  }

  /** After a drawing was added or removed. */
  private changed(): void {
    this.update();
    this.enqueue(() => this.compare());
  }

  /** Do one thing after the other: they read and write the weights of one model. */
  private enqueue(work: () => Promise<void>): void {
    // Show a failure, and continue with the next task.
    this.pending = this.pending.then(work).catch((error: Error) => this.say(error.message));
  }

  private async compare(): Promise<void> {
    if (!this.isTrained) {
      await this.refreshPairs();
      return;
    }
    // "Before" is what the model made of the drawings with its first weights.
    const { engine } = this.context;
    const { weights } = await engine.ask("run", [this.url, "save", {}]);
    try {
      await this.reset();
      await this.refreshPairs();
    } finally {
      await engine.ask("run", [this.url, "restore", { weights: weights! }]);
    }
    await this.refreshPairs(true);
  }

  private update(): void {
    this.train.disabled = this.isTraining || this.drawings.length === 0;
    this.stop.disabled = !this.isTraining;
    this.save.disabled = this.isTraining || this.drawings.length === 0;
    if (this.drawings.length === 0) this.say("Keep at least one drawing to train on.");
  }

  private say(text: string): void {
    this.status.textContent = text;
  }

  private noisy(drawing: Float32Array, place: number): Float32Array {
    return addNoise(drawing, "gaussian", NOISE, place + 1);
  }

  private async infer(x: Float32Array): Promise<Float32Array> {
    const { reconstruction } = await this.context.engine.ask("run", [this.url, "infer", { x }]);
    return reconstruction!;
  }

  /** Show what the model makes of the drawings; before it is trained, to compare with. */
  private async refreshPairs(isTrained = false): Promise<void> {
    this.update();
    const inputs = this.drawings.map((drawing, i) => this.noisy(drawing, i));
    const outputs: Float32Array[] = [];
    for (const x of inputs) outputs.push(await this.infer(x));
    if (!isTrained) this.before = outputs;
    const rows = inputs.map((x, i) => {
      const pictures = [x, this.before[i]!, ...(isTrained ? [outputs[i]!] : [])];
      return element(
        "div",
        { class: "triple" },
        ...pictures.map((each) => canvasOf(each, this.shape)),
      );
    });
    this.pairs.replaceChildren(...rows);
    if (this.drawings.length > 0) {
      const [from, to] = [this.meanSnr(this.before), this.meanSnr(outputs)];
      const gain = isTrained ? `, after ${to} dB` : "";
      this.say(`PSNR before training ${from} dB${gain}.`);
    }
  }

  private meanSnr(outputs: Float32Array[]): string {
    const all = outputs.map((output, i) => peakSnr(this.drawings[i]!, output));
    return (all.reduce((sum, value) => sum + value, 0) / all.length).toFixed(1);
  }

  private async run(): Promise<void> {
    const { engine } = this.context;
    this.isTrained = true;
    this.curve.begin(this.steps);
    const steps = batches({
      drawings: this.drawings,
      digits: this.digits,
      shape: this.shape,
      steps: this.steps,
      inputs: this.inputs,
      noise: 2 * NOISE,
      seed: this.seed++,
    });
    const begin = performance.now();
    let drawn = 0;
    try {
      const losses = await engine.ask("train", [this.url, { steps }], ({ done, all, loss }) => {
        this.curve.add(loss!);
        if (performance.now() - drawn < FRAME && done < all) return;
        drawn = performance.now();
        this.say(`Step ${done} of ${all}, loss ${short(loss!)}`);
      });
      const seconds = (performance.now() - begin) / 1000;
      await this.compare();
      this.status.append(` ${losses.length} steps in ${seconds.toFixed(1)} s.`);
    } catch (error) {
      this.say((error as Error).message);
    }
    this.isTraining = false;
    this.update();
  }

  private async restart(): Promise<void> {
    await this.context.engine.ask("cancel", []);
    this.enqueue(async () => {
      this.isTrained = false;
      await this.reset();
      this.curve.begin(this.steps);
      await this.refreshPairs();
    });
  }

  private async download(): Promise<void> {
    const { weights } = await this.context.engine.ask("run", [this.url, "save", {}]);
    download(npz({ weights: weights! }), `${this.model.name}_weights.npz`);
  }
}
