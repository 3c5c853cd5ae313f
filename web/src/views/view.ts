// What each view of the page is.

import type { Engine } from "../engine/engine";
import type { Model } from "../models";

export interface Context {
  engine: Engine;
  models: Model[];
  /** The model that the address names, if the view can show it. */
  model: Model;
  /** Show another model in this view. */
  choose(model: Model): void;
}

export interface View {
  name: string;
  title: string;
  /** Name of the model that the view begins with, if it is there. */
  first: string;
  /** One sentence under the title. */
  lead: string;
  canShow(model: Model, models: Model[]): boolean;
  /** Build the view. What it returns is called when the view is left. */
  show(root: HTMLElement, context: Context): Promise<() => void> | (() => void);
}
