// The manifold under the pointer: a latent space, decoded live.

import { button, choice, element, slider } from "../../dom";
import type { Slider } from "../../dom";
import { latestOnly } from "../../engine/engine";
import { runRows } from "../../engine/rows";
import { open, run } from "../../engine/runtime";
import { draw } from "../../images/pixels";
import type { Shape } from "../../images/pixels";
import { className, detailsOf, hasVectorCodes, takesImages } from "../../models";
import type { Codes, Model } from "../../models";
import { modelChoice, modelFacts } from "../../ui/model_choice";
import { thumbnails } from "../../ui/thumbnails";
import type { Context, View } from "../view";
import { Axes, REACH } from "./axes";
import { Between } from "./between";
import { cellPlaces, Plane, sheet } from "./plane";
import { joined, someOfEach } from "./samples";
import { Tour } from "./tour";

const COARSE = 16; // pixels
const CHOSEN = 20; // test samples to begin from
const NUMBERS = 80; // milliseconds until numbers are shown
const MEASURE = "pointer-to-picture";
const MOST_MEASURES = 2000;

interface Move {
  z: Float32Array;
  /** When the pointer, or whatever moved, did so. */
  since: number;
}

export const manifold: View = {
  name: "manifold",
  title: "Manifold",
  first: "variational_frey_faces_2d",
  lead: "Every place in the latent space is a picture. Move through it.",
  canShow: (model) =>
    takesImages(model) && hasVectorCodes(model) && (model.details !== null || model.prior !== null),
  async show(root, context) {
    const { model } = context;
    const [details] = await Promise.all([detailsOf(model), open(model.file.url, "wasm")]);
    const room = new Room(context, details.codes ?? null);
    root.append(room.root);
    await room.begin();
    const redraw = () => room.redraw();
    window.addEventListener("theme", redraw);
    return () => {
      window.removeEventListener("theme", redraw);
      room.stop();
    };
  },
};

class Room {
  readonly root: HTMLElement;
  private readonly model: Model;
  private readonly shape: Shape;
  private readonly axes: Axes;
  private readonly places: number[];
  private readonly picture = element("canvas", { class: "decoded", role: "img" });
  private readonly plane: Plane;
  private readonly sliders: Slider[];
  private readonly readout = element("p", { class: "readout" });
  private readonly tour = new Tour((x, y) => this.moveTo([x, y], performance.now()));
  private measured = 0;
  private waiting = 0;
  private samples = element("div");
  private between = element("div");

  constructor(
    private readonly context: Context,
    private readonly codes: Codes | null,
  ) {
    this.model = context.model;
    this.shape = this.model.input_shape as Shape;
    this.axes = codes ? new Axes(codes) : Axes.ofPrior(this.model.latent_shape![0]!);
    this.places = Array<number>(this.axes.count).fill(0);
    this.plane = new Plane({
      label: "Plane of codes. Arrow keys move; with Shift, farther.",
      onMove: (x, y, event) => {
        this.stopTour();
        this.moveTo([x, y], event.timeStamp);
      },
    });
    this.plane.points = (codes?.values ?? []).map((z, i) => {
      const [x, y] = this.axes.places(z);
      return { x: x!, y: y ?? 0, label: codes?.labels?.[i] ?? null };
    });
    this.sliders = this.places.map((_, k) => this.makeSlider(k));
    this.picture.setAttribute("aria-label", "Decoded picture");
    // A few large pixels look like a blur when they are smoothed.
    this.picture.classList.toggle("pixels", Math.max(...this.shape) <= COARSE);
    this.root = this.layout();
  }

  async begin(): Promise<void> {
    this.moveTo(this.places.slice(0, 2), performance.now());
    await this.refreshSheet();
    await this.showSamples();
  }

  stop(): void {
    this.stopTour();
  }

  redraw(): void {
    this.plane.draw();
  }

  private layout(): HTMLElement {
    const { models, choose } = this.context;
    const layers = choice(
      "Layers of the plane",
      { both: "Both", points: "Samples", pictures: "Pictures" },
      "both",
      (value) => {
        this.plane.showsPoints = value !== "pictures";
        this.plane.showsPictures = value !== "points";
        this.plane.draw();
      },
    );
    const named = element("div", { class: "legend" });
    const labels = [...new Set(this.codes?.labels ?? [])].sort((a, b) => a - b);
    for (const label of labels.length > 10 ? [] : labels) {
      named.append(
        element("span", { class: `swatch class-${label % 10}` }, className(this.model, label)),
      );
    }
    const stage = element(
      "div",
      { class: "stage" },
      element(
        "div",
        { class: "plane-box" },
        this.plane.root,
        element(
          "div",
          { class: "row" },
          layers,
          this.tour.root,
          button("Center", () => this.center(), "quiet"),
        ),
        named,
      ),
      element("div", { class: "decoded-box" }, this.picture, this.readout),
    );
    const directions = this.model.latent_shape![0] === 2 ? "Latent units" : "Principal directions";
    const panel = element(
      "aside",
      { class: "panel", "aria-label": "Model" },
      modelFacts(this.model),
      element(
        "section",
        { class: "card" },
        element("h3", {}, directions),
        ...this.sliders.map(({ root }) => root),
      ),
    );
    return element(
      "div",
      {},
      modelChoice(models, this.model, choose),
      element(
        "div",
        { class: "columns" },
        element("div", { class: "main" }, stage, this.samples, this.between),
        panel,
      ),
    );
  }

  private makeSlider(k: number): Slider {
    const name = this.model.latent_shape![0] === 2 ? `z${k + 1}` : `Direction ${k + 1}`;
    const made = slider(
      name,
      { min: -REACH, max: REACH, step: 0.01, value: 0 },
      (value) => value.toFixed(2),
      (value, event) => {
        this.stopTour();
        this.places[k] = value;
        this.moveTo(this.places.slice(0, 2), event.timeStamp);
      },
    );
    // The pictures behind the plane lie in the plane of the other directions' places.
    made.input.addEventListener("change", () => void (k > 1 && this.refreshSheet()));
    return made;
  }

  /** Show the picture at a place of the plane. */
  private moveTo(xy: number[], since: number): void {
    xy.forEach((place, k) => (this.places[k] = place));
    this.decode({ z: this.axes.code(this.places), since });
  }

  private moveToCode(z: ArrayLike<number>, since: number): void {
    this.stopTour();
    this.axes.keepRest(z);
    this.places.splice(0, this.places.length, ...this.axes.places(z));
    this.moveTo(this.places.slice(0, 2), since);
    void this.refreshSheet();
  }

  private center(): void {
    this.stopTour();
    this.axes.dropRest();
    this.places.fill(0);
    this.moveTo([0, 0], performance.now());
    void this.refreshSheet();
  }

  private readonly decode = latestOnly<Move>(async ({ z, since }) => {
    const { reconstruction } = await run(this.model.file.url, "decode", { z });
    draw(this.picture, reconstruction!, this.shape);
    this.plane.place(this.places[0]!, this.places[1] ?? 0);
    this.waiting ||= setTimeout(() => this.showNumbers(), NUMBERS);
    performance.measure(MEASURE, { start: since, end: performance.now() });
    if (++this.measured % MOST_MEASURES === 0) performance.clearMeasures(MEASURE);
  });

  /** Numbers follow a little later, so that they do not hold up the picture. */
  private showNumbers(): void {
    this.waiting = 0;
    this.sliders.forEach((each, k) => each.set(this.places[k]!));
    const numbers = this.places.slice(0, 2).map((place) => place.toFixed(2));
    this.readout.textContent = `(${numbers.join(", ")})`;
  }

  private async decodeRows(rows: Float32Array): Promise<Float32Array> {
    const size = this.model.latent_shape![0]!;
    return runRows(this.model.file.url, "decode", rows, size);
  }

  private async refreshSheet(): Promise<void> {
    const codes = cellPlaces(this.shape).map(([x, y]) =>
      this.axes.code([x, y, ...this.places.slice(2)].slice(0, this.axes.count)),
    );
    this.plane.pictures = sheet(await this.decodeRows(joined(codes)), this.shape);
    this.plane.draw();
  }

  private async showSamples(): Promise<void> {
    const { values, labels } = this.codes ?? { values: [], labels: null };
    const chosen = someOfEach(labels ?? Array<number>(values.length).fill(0), CHOSEN);
    if (chosen.length < 2) return;
    const codes = chosen.map((i) => Float32Array.from(values[i]!));
    const decoded = await this.decodeRows(joined(codes));
    const size = decoded.length / codes.length;
    const pictures = codes.map((_, i) => decoded.subarray(i * size, (i + 1) * size));
    const names = chosen.map((i) =>
      labels ? `A sample of class ${className(this.model, labels[i]!)}` : `Sample ${i + 1}`,
    );
    const row = thumbnails("Test samples", pictures, this.shape, names, (i) => {
      this.moveToCode(codes[i]!, performance.now());
    });
    const section = element(
      "section",
      { class: "card" },
      element("h3", {}, "Test samples, decoded from their codes"),
      row,
    );
    this.samples.replaceWith(section);
    const between = new Between([codes[0]!, codes[Math.floor(codes.length / 2)]!], {
      shape: this.shape,
      decodeRows: (rows) => this.decodeRows(rows),
      present: () => this.axes.code(this.places),
      onMove: (z, event) => this.moveToCode(z, event.timeStamp),
    });
    this.between.replaceWith(between.root);
  }

  private stopTour(): void {
    this.tour.stop();
  }
}
