// Restore: a picture before and after a model, under a divider.

import { button, download, element, labeled, short, slider } from "../../dom";
import { latestOnly } from "../../engine/engine";
import { NOISE_KINDS } from "../../images/noise";
import type { NoiseKind } from "../../images/noise";
import { samplesFor } from "../../images/digits";
import { decode, peakSnr, toPng } from "../../images/pixels";
import type { Picture, Shape } from "../../images/pixels";
import { loadSamples, takesImages } from "../../models";
import type { Model, Samples } from "../../models";
import { divider } from "../../ui/divider";
import { imageInput } from "../../ui/inputs";
import { modelChoice, modelFacts } from "../../ui/model_choice";
import { drawingPad } from "../../ui/pad";
import { thumbnails } from "../../ui/thumbnails";
import type { Context, View } from "../view";
import { drawingOf, isOfDigits, pictureOf, picturesFor, usualAmount } from "./source";
import type { Noise, SamplePicture } from "./source";

export const restore: View = {
  name: "restore",
  title: "Restore",
  first: "denoising_photos",
  lead: "Drop, paste or draw a picture, spoil it if you like, and let a model clean it.",
  canShow: (model) =>
    takesImages(model) &&
    model.signatures.includes("reconstruct") &&
    (model.kind === "restore" || model.is_own),
  async show(root, context) {
    const { engine, model } = context;
    // Networks of convolutions gain from a GPU; the small ones of other views do not.
    const [{ accelerator }, samples] = await Promise.all([
      engine.ask("open", [model.file.url, "webgpu"]),
      loadSamples(),
    ]);
    const desk = new Desk(root, context, samples, accelerator);
    await desk.begin();
    return () => void engine.ask("cancel", []);
  },
};

interface Result {
  before: Picture;
  after: Picture;
  seconds: number;
}

class Desk {
  private readonly model: Model;
  private readonly stage = divider();
  private readonly noise: Noise;
  private readonly facts = element("p", { class: "readout", role: "status" });
  private readonly error = element("p", { class: "error", role: "alert" });
  private readonly progress = element("div", { class: "progress", hidden: true });
  private readonly save: HTMLButtonElement;
  private clean: Picture | null = null;
  private name = "digit.png";
  private readonly samples: Float32Array[];

  constructor(
    private readonly root: HTMLElement,
    private readonly context: Context,
    samples: Samples,
    private readonly accelerator: string,
  ) {
    this.model = context.model;
    this.noise = { kind: "gaussian", amount: usualAmount(this.model), seed: 1 };
    this.save = button("Download the result", () => void this.download());
    this.samples = samplesFor(samples, this.model.input_shape!, this.model.data.name);
    root.append(this.layout(samples));
  }

  async begin(): Promise<void> {
    const [picture] = picturesFor(this.model);
    if (this.samples.length > 0) this.use(this.sample(4), "digit.png");
    else if (picture !== undefined) await this.usePicture(picture);
    else this.facts.textContent = "Drop, paste or choose an image to begin.";
    this.save.disabled = this.stage.root.hidden = this.clean === null;
  }

  private sample(place: number): Picture {
    return { pixels: this.samples[place]!, shape: this.model.input_shape as Shape };
  }

  private async usePicture({ name }: SamplePicture): Promise<void> {
    const response = await fetch(`pictures/${name}`);
    this.use(pictureOf(await decode(await response.blob()), this.model), name);
  }

  private layout(samples: Samples): HTMLElement {
    const { models, choose } = this.context;
    const result = element(
      "section",
      { class: "card", "aria-label": "Result" },
      this.stage.root,
      this.progress,
      element("div", { class: "row result-row" }, this.facts, this.save),
      this.error,
    );
    return element(
      "div",
      {},
      modelChoice(models, this.model, choose),
      element(
        "div",
        { class: "columns" },
        element("div", { class: "main" }, result, this.noiseCard()),
        element(
          "aside",
          { class: "panel", "aria-label": "Input" },
          this.inputCard(samples),
          modelFacts(this.model),
        ),
      ),
    );
  }

  private inputCard(samples: Samples): HTMLElement {
    const shape = this.model.input_shape as Shape;
    const card = element("section", { class: "card inputs" }, element("h3", {}, "Picture"));
    card.append(
      imageInput(
        this.root,
        (canvas, name) => this.use(pictureOf(canvas, this.model), name),
        (message) => this.fail(message),
      ),
    );
    if (isOfDigits(this.model)) {
      const pad = drawingPad("Pad to draw a digit on", () => {
        const drawn = drawingOf(pad.canvas, this.model);
        if (drawn !== null) this.use(drawn, "drawing.png");
      });
      card.append(element("p", { class: "hint" }, "or draw a digit:"), pad.root);
    }
    const pictures = picturesFor(this.model);
    if (pictures.length > 0) card.append(element("p", { class: "hint" }, "or take one of these:"));
    const buttons = pictures.map((picture) =>
      element(
        "button",
        {
          type: "button",
          class: "thumbnail",
          "aria-label": picture.label,
          click: () => void this.usePicture(picture),
        },
        element("img", { src: `pictures/${picture.name}`, alt: "" }),
      ),
    );
    card.append(element("div", { class: "thumbnails wide" }, ...buttons));
    if (this.samples.length > 0) {
      const names = samples.labels.map((label) => `A handwritten ${label}`);
      card.append(
        element("p", { class: "hint" }, "or take one of these:"),
        thumbnails("Sample digits", this.samples, shape, names, (place) => {
          this.use(this.sample(place), "digit.png");
        }),
        element("p", { class: "hint" }, `Digits: ${samples.source}.`),
      );
    }
    return card;
  }

  private noiseCard(): HTMLElement {
    const kind = element("select");
    for (const [value, text] of Object.entries(NOISE_KINDS)) {
      kind.append(element("option", { value }, text));
    }
    kind.addEventListener("change", () => {
      this.noise.kind = kind.value as NoiseKind;
      this.refresh();
    });
    const amount = slider(
      "Strength",
      { min: 0, max: 1, step: 0.01, value: this.noise.amount },
      (value) => value.toFixed(2),
      (value) => {
        this.noise.amount = value;
        this.refresh();
      },
    );
    const again = button(
      "New noise",
      () => {
        this.noise.seed++;
        this.refresh();
      },
      "quiet",
    );
    return element(
      "section",
      { class: "card noise" },
      element("h3", {}, "Noise to add"),
      labeled("Kind", kind),
      amount.root,
      again,
    );
  }

  private use(picture: Picture, name: string): void {
    this.clean = picture;
    this.stage.root.hidden = false;
    this.name = name;
    this.error.textContent = "";
    this.refresh();
  }

  private refresh(): void {
    if (this.clean === null) return;
    // A large picture in work is given up for the next one.
    void this.context.engine.ask("cancel", []);
    this.work({ clean: this.clean, noise: { ...this.noise } });
  }

  private readonly work = latestOnly<{ clean: Picture; noise: Noise }>(async ({ clean, noise }) => {
    const { engine } = this.context;
    try {
      const { kind, amount, seed } = noise;
      const pixels = await engine.ask("addNoise", [clean.pixels, kind, amount, seed]);
      const before: Picture = { pixels, shape: clean.shape };
      const begin = performance.now();
      const after = await this.restored(before);
      this.show({ before, after, seconds: (performance.now() - begin) / 1000 });
    } catch (error) {
      if ((error as Error).message !== "Stopped.") this.fail((error as Error).message);
    } finally {
      this.progress.hidden = true;
    }
  });

  private async restored(before: Picture): Promise<Picture> {
    const { engine } = this.context;
    const [tileHeight, tileWidth, channels] = this.model.input_shape as Shape;
    const [height, width, taken] = before.shape;
    if (!this.model.is_any_size) {
      const inputs = { x: before.pixels };
      const { reconstruction } = await engine.ask("run", [
        this.model.file.url,
        "reconstruct",
        inputs,
      ]);
      const outputs = reconstruction!.length / (height * width);
      return { pixels: reconstruction!, shape: [height, width, outputs] };
    }
    this.save.disabled = true;
    this.showProgress(0, 1);
    this.stage.show(before.pixels, before.shape, null, before.shape);
    const job = {
      pixels: before.pixels,
      height,
      width,
      channels: taken,
      tile: [tileHeight, tileWidth, channels] as [number, number, number],
    };
    const pixels = await engine.ask("restoreTiles", [this.model.file.url, job], ({ done, all }) =>
      this.showProgress(done, all),
    );
    return { pixels, shape: before.shape };
  }

  private showProgress(done: number, all: number): void {
    this.progress.hidden = all <= 1;
    const bar = element("progress", { max: all, value: done, "aria-label": "Tiles restored" });
    const stop = button("Stop", () => void this.context.engine.ask("cancel", []), "quiet");
    if (done === 0) this.progress.replaceChildren(bar, stop);
    else this.progress.querySelector("progress")!.value = done;
    if (done > 0) this.progress.querySelector("progress")!.max = all;
  }

  private show({ before, after, seconds }: Result): void {
    this.stage.show(before.pixels, before.shape, after.pixels, after.shape);
    this.save.disabled = false;
    const [height, width] = after.shape;
    const facts = [`${width}×${height} in ${short(seconds * 1000)} ms (${this.accelerator})`];
    if (this.noise.amount > 0 && after.pixels.length === this.clean!.pixels.length) {
      const [from, to] = [before, after].map(({ pixels }) => peakSnr(this.clean!.pixels, pixels));
      facts.unshift(`PSNR ${from!.toFixed(1)} dB before, ${to!.toFixed(1)} dB after`);
    }
    this.facts.textContent = facts.join(" · ");
  }

  private fail(message: string): void {
    this.error.textContent = message;
  }

  private async download(): Promise<void> {
    const stem = this.name.replace(/\.[^.]*$/, "");
    download(await toPng(this.stage.after), `${stem}_restored.png`);
  }
}
