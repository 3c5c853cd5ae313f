// Compare: one input through all variants of autoencoders.

import { color, element, labeled, short } from "../../dom";
import { latestOnly } from "../../engine/engine";
import { drawingToInput, samplesFor } from "../../images/digits";
import { draw } from "../../images/pixels";
import type { Shape } from "../../images/pixels";
import { hasVectorCodes, loadSamples, takesImages } from "../../models";
import type { Model } from "../../models";
import { drawingPad } from "../../ui/pad";
import { thumbnails } from "../../ui/thumbnails";
import type { Context, View } from "../view";
import { drawBars, drawErrors, unitsOf } from "./drawing";

const ACTIVE = 0.1; // of the largest unit
const NEEDED = 4; // variants that make a comparison
const NAMES: Record<string, string> = { digits: "Digits, 8×8", mnist: "MNIST, 28×28" };
/** The order of the variants, as in the table of the README. */
const ORDER = [
  "Undercomplete",
  "Deep",
  "Denoising",
  "Sparse",
  "Contractive",
  "Convolutional",
  "Variational",
];

export const compare: View = {
  name: "compare",
  title: "Compare",
  first: "undercomplete_mnist",
  lead: "The same input through every variant: what it keeps, what it loses, and its code.",
  canShow: (model, models) =>
    takesPart(model) && variantsOf(models, model.data.name).length >= NEEDED,
  async show(root, context) {
    const models = variantsOf(context.models, context.model.data.name);
    const { engine } = context;
    const [samples] = await Promise.all([
      loadSamples(),
      ...models.map(({ file }) => engine.ask("open", [file.url, "wasm"])),
    ]);
    const shape = context.model.input_shape as Shape;
    const cards = models.map((model) => new Card(model, shape));
    const given = element("canvas", { role: "img", "aria-label": "Input" });
    let last: Float32Array = new Float32Array(0);
    const show = latestOnly<Float32Array>(async (x) => {
      last = x;
      draw(given, x, shape);
      await Promise.all(cards.map((card) => card.show(context, x)));
    });
    const inputs = samplesFor(samples, shape, context.model.data.name);
    const pad = drawingPad("Pad to draw a digit on", () => {
      const x = drawingToInput(pad.canvas, shape);
      if (x !== null) show(x);
    });
    const names = samples.labels.map((label) => `A handwritten ${label}`);
    const chosen = thumbnails("Sample digits", inputs, shape, names, (place) =>
      show(inputs[place]!),
    );
    root.append(
      dataChoice(context),
      element(
        "div",
        { class: "columns" },
        element(
          "div",
          { class: "variants" },
          element(
            "section",
            { class: "card variant given", "aria-label": "Input" },
            element("h3", {}, "Input"),
            given,
            element(
              "p",
              { class: "hint" },
              "In the error maps, red is too bright and blue too dark.",
            ),
          ),
          ...cards.map((card) => card.root),
        ),
        element(
          "aside",
          { class: "panel", "aria-label": "Input" },
          element(
            "section",
            { class: "card inputs" },
            element("h3", {}, "Draw a digit"),
            pad.root,
            element("p", { class: "hint" }, "or take one of these:"),
            chosen,
            element("p", { class: "hint" }, `Digits: ${samples.source}.`),
          ),
        ),
      ),
    );
    show(inputs[6]!);
    const redraw = () => show(last);
    window.addEventListener("theme", redraw);
    return () => window.removeEventListener("theme", redraw);
  },
};

function takesPart(model: Model): boolean {
  const name = model.data.name;
  return (
    takesImages(model) &&
    name !== null &&
    name in NAMES &&
    model.signatures.includes("reconstruct") &&
    model.signatures.includes("encode")
  );
}

/** The first model of each variant for a dataset; of several, the plainest name. */
function variantsOf(models: Model[], data: string | null): Model[] {
  const place = (model: Model) => ORDER.findIndex((name) => model.variant?.startsWith(name));
  const found = new Map<number, Model>();
  for (const model of models.filter((each) => takesPart(each) && each.data.name === data)) {
    const known = found.get(place(model));
    const isPlain = model.name.split("_").length === 2;
    if (
      place(model) >= 0 &&
      (known === undefined || (isPlain && !model.name.startsWith("linear")))
    ) {
      found.set(place(model), model);
    }
  }
  return [...found.entries()].sort(([a], [b]) => a - b).map(([, model]) => model);
}

function dataChoice({ models, model, choose }: Context): HTMLElement {
  const select = element("select");
  const names = [...new Set(models.map(({ data }) => data.name!))];
  for (const name of names) {
    select.append(
      element("option", { value: name, selected: name === model.data.name }, NAMES[name]!),
    );
  }
  select.addEventListener("change", () => {
    choose(variantsOf(models, select.value)[0]!);
  });
  const field = labeled("Data", select);
  field.classList.add("model-choice");
  return field;
}

class Card {
  readonly root: HTMLElement;
  private readonly picture = element("canvas", { role: "img", "aria-label": "Reconstruction" });
  private readonly errors = element("canvas", { role: "img", "aria-label": "Error map" });
  private readonly bars = element("canvas", { class: "bars", role: "img", "aria-label": "Code" });
  private readonly facts = element("p", { class: "hint" });

  constructor(
    private readonly model: Model,
    private readonly shape: Shape,
  ) {
    const name = (model.variant ?? "").replace("Autoencoder", "");
    this.root = element(
      "section",
      { class: "card variant", "aria-label": name },
      element("h3", {}, name),
      element("p", { class: "hint" }, model.name),
      element(
        "div",
        { class: "pictures" },
        element("figure", {}, this.picture, element("figcaption", {}, "Reconstruction")),
        element("figure", {}, this.errors, element("figcaption", {}, "Error")),
      ),
      this.bars,
      this.facts,
    );
  }

  async show({ engine }: Context, x: Float32Array): Promise<void> {
    const { url } = this.model.file;
    const [{ reconstruction }, { z }] = await Promise.all([
      engine.ask("run", [url, "reconstruct", { x }]),
      engine.ask("run", [url, "encode", { x }]),
    ]);
    draw(this.picture, reconstruction!, this.shape);
    drawErrors(this.errors, x, reconstruction!, this.shape);
    const units = unitsOf(z!, this.model.latent_shape!);
    drawBars(this.bars, units, color("accent"), color("line"));
    const error = x.reduce((sum, value, i) => sum + (value - reconstruction![i]!) ** 2, 0);
    const most = Math.max(...units.map(Math.abs));
    const active = units.filter((value) => Math.abs(value) > ACTIVE * most).length;
    const what = hasVectorCodes(this.model) ? "units" : "feature maps";
    const code = `${active} of ${units.length} ${what} above ${100 * ACTIVE} % of the largest`;
    this.facts.textContent = `Squared error ${short(error)} · ${code}`;
    this.bars.setAttribute("aria-label", `Code: ${code}`);
  }
}
