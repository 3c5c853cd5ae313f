// The list of models of a view, with what the chosen one is for.

import { element, labeled } from "../dom";
import type { Model } from "../models";
import { titleOf } from "../models";

export function modelChoice(
  models: Model[],
  chosen: Model,
  onChoose: (model: Model) => void,
): HTMLElement {
  const select = element("select");
  for (const model of models) {
    const text = titleOf(model) + (model.is_own ? " (yours)" : "");
    const option = element("option", { value: model.name, selected: model === chosen }, text);
    select.append(option);
  }
  select.addEventListener("change", () => {
    const model = models.find(({ name }) => name === select.value);
    if (model !== undefined) onChoose(model);
  });
  const field = labeled("Model", select);
  field.classList.add("model-choice");
  return field;
}

/** What a model does, its limits, and the terms of its data. */
export function modelFacts(model: Model): HTMLElement {
  const variant = (model.variant ?? "Autoencoder").replace("Autoencoder", " autoencoder").trim();
  const code = model.latent_shape?.join("×");
  const size = model.file.bytes / 1000;
  const facts = [
    variant,
    model.input_shape ? `input ${model.input_shape.join("×")}` : null,
    code ? `code ${code}` : null,
    `${size < 1000 ? `${Math.round(size)} kB` : `${(size / 1000).toFixed(1)} MB`}` +
      (model.quantization === null ? "" : `, ${model.quantization}`),
  ];
  const rows: (HTMLElement | null)[] = [
    element("p", { class: "task" }, model.task ?? ""),
    element("p", { class: "facts" }, facts.filter((fact) => fact !== null).join(" · ")),
    model.limits ? element("p", { class: "hint" }, model.limits) : null,
  ];
  return element("div", { class: "model-facts" }, ...rows);
}
