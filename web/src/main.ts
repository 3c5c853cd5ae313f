// The page: it loads the index of models, starts the worker, and shows the views.

import { color, element } from "./dom";
import { Engine } from "./engine/engine";
import { findsWebGpu } from "./engine/runtime";
import { loadJson } from "./models";
import type { Index, Model } from "./models";
import { VIEWS } from "./views/all";
import type { View } from "./views/view";

const main = document.querySelector("main")!;
const status = document.querySelector("#engine")!;

function problem(title: string, text: string): void {
  const message = element(
    "section",
    { class: "card problem", role: "alert" },
    element("h2", {}, title),
    element("p", {}, text),
  );
  main.replaceChildren(message);
}

/** What the browser lacks to run the models, or null. */
function lacking(): string | null {
  if (typeof WebAssembly !== "object") return "WebAssembly";
  // A function that returns a vector of zeros: SIMD, which the runtime is built with.
  const simd = [
    0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253,
    15, 253, 98, 11,
  ];
  if (!WebAssembly.validate(new Uint8Array(simd))) return "WebAssembly with SIMD";
  if (typeof Worker !== "function") return "web workers";
  return null;
}

class Page {
  private leave: () => void = () => {};
  private turn = 0;

  constructor(
    private readonly index: Index,
    private readonly engine: Engine,
  ) {
    window.addEventListener("hashchange", () => void this.show());
    // The address names the view, so the link must not change it.
    document.querySelector(".skip")!.addEventListener("click", (event) => {
      event.preventDefault();
      main.focus();
    });
  }

  private modelsOf(view: View): Model[] {
    return this.index.models.filter((model) => view.canShow(model, this.index.models));
  }

  /** The address says which view and model: `#/manifold/variational_digits`. */
  private address(): { view: View; model: Model } {
    const [, viewName, modelName] = location.hash.split("/").map(decodeURIComponent);
    const wanted = modelName ?? this.index.start;
    const byName = (view: View) => this.modelsOf(view).find(({ name }) => name === wanted);
    const usable = VIEWS.filter((view) => this.modelsOf(view).length > 0);
    const view =
      usable.find(({ name }) => name === viewName) ??
      usable.find((each) => this.index.start !== null && byName(each)) ??
      usable[0]!;
    const own = this.modelsOf(view).find(({ is_own }) => is_own);
    const models = this.modelsOf(view);
    const first = models.find(({ name }) => name === view.first) ?? models[0]!;
    return { view, model: byName(view) ?? own ?? first };
  }

  navigation(): void {
    const links = VIEWS.filter((view) => this.modelsOf(view).length > 0).map((view) =>
      element("a", { href: `#/${view.name}`, "data-view": view.name }, view.title),
    );
    document.querySelector("nav")!.replaceChildren(...links);
  }

  async show(): Promise<void> {
    const turn = ++this.turn;
    this.leave();
    this.leave = () => {};
    const { view, model } = this.address();
    for (const link of document.querySelectorAll<HTMLElement>("nav a")) {
      const isCurrent = link.dataset["view"] === view.name;
      if (isCurrent) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
      if (isCurrent) link.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    document.title = `${view.title} · ae_zoo explorer`;
    const root = element(
      "div",
      { class: `view ${view.name}` },
      element(
        "div",
        { class: "heading" },
        element("h2", {}, view.title),
        element("p", {}, view.lead),
      ),
    );
    main.replaceChildren(root);
    main.setAttribute("aria-busy", "true");
    delete main.dataset["shown"];
    try {
      const leave = await view.show(root, {
        engine: this.engine,
        models: this.modelsOf(view),
        model,
        choose: (other) => (location.hash = `#/${view.name}/${other.name}`),
      });
      if (turn === this.turn) this.leave = leave;
      else leave();
    } catch (error) {
      if (turn === this.turn) problem(`${model.name} cannot be shown`, (error as Error).message);
    }
    main.removeAttribute("aria-busy");
    if (turn !== this.turn) return;
    main.dataset["shown"] = `${view.name}/${model.name}`;
    performance.mark("view-shown");
  }
}

// Where the browser blocks storage, the choice is not kept.

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    return;
  }
}

function themeButton(): void {
  const toggle = document.querySelector<HTMLButtonElement>("#theme")!;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let theme = stored("theme") ?? (dark.matches ? "dark" : "light");
  const apply = () => {
    document.documentElement.dataset["theme"] = theme;
    toggle.textContent = theme === "dark" ? "Light" : "Dark";
    toggle.setAttribute("aria-label", `Use ${theme === "dark" ? "light" : "dark"} colors`);
    // Canvases draw with colors of the style sheet.
    window.dispatchEvent(new CustomEvent("theme", { detail: color("paper") }));
  };
  toggle.addEventListener("click", () => {
    theme = theme === "dark" ? "light" : "dark";
    store("theme", theme);
    apply();
  });
  apply();
}

async function begin(): Promise<void> {
  themeButton();
  const missing = lacking();
  if (missing !== null) {
    status.textContent = "The models cannot run here.";
    problem(
      "This browser cannot run the models",
      `It lacks ${missing}. Use a current version of Chrome, Edge, Firefox or Safari.`,
    );
    return;
  }
  const engine = new Engine();
  try {
    const index = await loadJson<Index>("models.json");
    const page = new Page(index, engine);
    page.navigation();
    await page.show();
    status.textContent = `LiteRT.js on WebAssembly${(await findsWebGpu()) ? " and WebGPU" : ""}`;
  } catch (error) {
    status.textContent = "The models cannot run here.";
    problem(
      "The explorer could not start",
      `${(error as Error).message} Reload the page to try again.`,
    );
  }
}

// Views go on working after they are shown; this tells what fails then.
window.addEventListener("unhandledrejection", ({ reason }) =>
  problem("The model could not be run", (reason as Error).message),
);
void begin();
