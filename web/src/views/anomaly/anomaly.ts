// Anomaly: a series, its reconstruction, and its score against the threshold.

import { button, color, element, labeled, short, slider } from "../../dom";
import { latestOnly } from "../../engine/engine";
import { detailsOf, sizeOf, takesSeries } from "../../models";
import type { Details, Model } from "../../models";
import { modelChoice, modelFacts } from "../../ui/model_choice";
import type { Context, View } from "../view";
import { Chart, sparkline } from "./chart";
import { Scores } from "./scores";
import { parse, score, SPOILS } from "./series";

const NO_SCORES =
  "The folder of this model has no scores of test samples to choose a threshold by.";

export const anomaly: View = {
  name: "anomaly",
  title: "Anomaly",
  first: "anomaly_ecg5000",
  lead: "A model of normal series reconstructs only what is normal. Bend a line and watch its score.",
  canShow: (model) => takesSeries(model) && model.signatures.includes("reconstruct"),
  async show(root, context) {
    const { engine, model } = context;
    const [details] = await Promise.all([
      detailsOf(model),
      engine.ask("open", [model.file.url, "wasm"]),
    ]);
    const monitor = new Monitor(context, details);
    root.append(modelChoice(context.models, model, context.choose), monitor.root);
    await monitor.begin();
    const redraw = () => monitor.redraw();
    window.addEventListener("theme", redraw);
    return () => window.removeEventListener("theme", redraw);
  },
};

/** Where the card has no threshold: what 99 % of the normal test samples stay below. */
function usualThreshold({ scores }: Details): number | undefined {
  const normal = scores?.values.filter((_, i) => !scores.anomalous[i]).sort((a, b) => a - b);
  return normal?.[Math.floor(0.99 * (normal.length - 1))];
}

class Monitor {
  readonly root: HTMLElement;
  private readonly model: Model;
  private readonly chart: Chart;
  private readonly scores: Scores;
  private readonly verdict = element("p", { class: "verdict", role: "status" });
  private readonly shares = element("p", { class: "hint" });
  private readonly message = element("p", { class: "hint", role: "status" });
  private values: Float32Array;
  private score: number | null = null;
  private seed = 1;

  constructor(
    private readonly context: Context,
    private readonly details: Details,
  ) {
    this.model = context.model;
    const shape = this.model.input_shape!;
    this.values = new Float32Array(sizeOf(shape));
    this.chart = new Chart(
      shape,
      (values) => this.use(values, true),
      this.model.data.columns ?? [],
    );
    const threshold = this.model.threshold ?? usualThreshold(details) ?? sizeOf(shape) / 2;
    this.scores = new Scores(details.scores ?? null, threshold);
    this.root = this.layout();
  }

  async begin(): Promise<void> {
    const first = this.details.examples?.[0]?.values;
    if (first !== undefined) this.use(Float32Array.from(first), false);
    else this.use(await this.typical(), false);
  }

  redraw(): void {
    this.chart.draw();
    this.scores.draw();
  }

  /** What the model makes of the middle of its codes, where there are no examples. */
  private async typical(): Promise<Float32Array> {
    const { engine } = this.context;
    const { url } = this.model.file;
    if (!this.model.signatures.includes("decode")) return this.values;
    const z = new Float32Array(sizeOf(this.model.latent_shape!));
    const { reconstruction } = await engine.ask("run", [url, "decode", { z }]);
    return reconstruction!;
  }

  private layout(): HTMLElement {
    const keys = element(
      "div",
      { class: "keys" },
      element("span", { class: "key-input" }, "series"),
      element("span", { class: "key-output" }, "reconstruction"),
      element("span", { class: "key-error" }, "error"),
    );
    const tools = Object.entries(SPOILS).map(([name, spoil]) =>
      button(
        name,
        () => this.use(spoil(this.values, this.chart.features, this.seed++), false),
        "quiet",
      ),
    );
    const chart = element(
      "section",
      { class: "card", "aria-label": "Series" },
      this.verdict,
      this.chart.root,
      keys,
      element("p", { class: "hint" }, "Drag in the chart to bend the series, or:"),
      element("div", { class: "row" }, ...tools),
    );
    return element(
      "div",
      { class: "columns" },
      element("div", { class: "main" }, chart, this.scoreCard()),
      element(
        "aside",
        { class: "panel", "aria-label": "Input" },
        modelFacts(this.model),
        this.examplesCard(),
        this.pasteCard(),
      ),
    );
  }

  private scoreCard(): HTMLElement {
    const { scores } = this;
    const threshold = slider(
      "Threshold",
      {
        min: Math.log(scores.low),
        max: Math.log(scores.high),
        step: 0.001,
        value: Math.log(scores.threshold),
      },
      (value) => short(Math.exp(value)),
      (value) => {
        scores.threshold = Math.exp(value);
        this.judge();
      },
    );
    const reset = button(
      "Use the card's threshold",
      () => {
        scores.threshold = this.model.threshold ?? scores.threshold;
        threshold.set(Math.log(scores.threshold));
        this.judge();
      },
      "quiet",
    );
    return element(
      "section",
      { class: "card" },
      element("h3", {}, this.details.scores ? "Scores of test samples" : "Threshold"),
      scores.root,
      this.details.scores === undefined
        ? null
        : element(
            "div",
            { class: "keys" },
            element("span", { class: "key-normal" }, "normal"),
            element("span", { class: "key-error" }, "anomalous"),
          ),
      threshold.root,
      this.shares,
      this.model.threshold === null ? null : reset,
    );
  }

  private examplesCard(): HTMLElement | null {
    const examples = this.details.examples ?? [];
    if (examples.length === 0) return null;
    const features = this.model.input_shape![1] ?? 1;
    const groups = [...new Set(examples.map(({ label }) => label))].flatMap((label) => [
      element("p", { class: "hint" }, label),
      element(
        "div",
        { class: "thumbnails wide", role: "group", "aria-label": label },
        ...examples
          .filter((example) => example.label === label)
          .map(({ values }, i) =>
            element(
              "button",
              {
                type: "button",
                class: "thumbnail",
                "aria-label": `${label} example ${i + 1}`,
                click: () => this.use(Float32Array.from(values), false),
              },
              sparkline(values, features, color(label === "normal" ? "calm" : "alarm")),
            ),
          ),
      ),
    ]);
    const source = this.model.data.license
      ? `${this.model.data.name}: ${this.model.data.license}.`
      : "";
    return element(
      "section",
      { class: "card" },
      element("h3", {}, "Test samples"),
      ...groups,
      element("p", { class: "hint" }, source),
    );
  }

  private pasteCard(): HTMLElement {
    const shape = this.model.input_shape!;
    const text = element("textarea", {
      spellcheck: "false",
      rows: 5,
      placeholder: "0.12, 0.34, …",
    });
    const standardizes = element("input", {
      type: "checkbox",
      checked: this.model.input_range === null && shape.length === 1,
    });
    const read = () => {
      if (text.value.trim() === "") return;
      try {
        const { values, note } = parse(text.value, this.model, standardizes.checked);
        this.message.className = "hint";
        this.message.textContent = note;
        this.use(values, false);
      } catch (error) {
        this.message.className = "error";
        this.message.textContent = (error as Error).message;
      }
    };
    text.addEventListener("input", read);
    standardizes.addEventListener("change", read);
    const hint = `${shape.join(" × ")} numbers, separated by spaces, commas or lines.`;
    return element(
      "section",
      { class: "card" },
      element("h3", {}, "A series of your own"),
      labeled("Values", text, hint),
      element("label", { class: "check" }, standardizes, "Scale to mean 0 and deviation 1"),
      this.message,
    );
  }

  private use(values: Float32Array, isBent: boolean): void {
    this.values = values;
    this.work({ values, isBent });
  }

  private readonly work = latestOnly<{ values: Float32Array; isBent: boolean }>(
    async ({ values, isBent }) => {
      const { engine } = this.context;
      const result = await score(engine, this.model, values);
      this.chart.show(values, result.reconstruction, isBent);
      this.score = result.score;
      this.judge();
    },
  );

  private judge(): void {
    const { score, scores } = this;
    scores.show(score);
    const shares = scores.shares();
    const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
    this.shares.textContent =
      shares === null
        ? NO_SCORES
        : `At this threshold, ${percent(shares.found)} of the anomalies are found, and ` +
          `${percent(shares.flagged)} of the normal samples are flagged.`;
    if (score === null) {
      this.verdict.textContent = "The file of this model has no score.";
      return;
    }
    const isAnomaly = score > scores.threshold;
    this.verdict.replaceChildren(
      element("strong", { class: isAnomaly ? "alarm" : "calm" }, isAnomaly ? "Anomaly" : "Normal"),
      element("span", {}, `score ${short(score)}, threshold ${short(scores.threshold)}`),
    );
  }
}
