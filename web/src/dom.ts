// Small helpers to make elements.

type Child = Node | string | null;
type Value = string | number | boolean | null | ((event: never) => void);

/** Make an element. Functions are listeners, `true` and `false` switch an attribute. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, Value> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      made.addEventListener(name, value as unknown as EventListener);
    } else if (typeof value === "boolean") {
      made.toggleAttribute(name, value);
    } else if (value !== null) {
      made.setAttribute(name, String(value));
    }
  }
  made.append(...children.filter((child): child is Node | string => child !== null));
  return made;
}

let ids = 0;

/** A fresh id, which connects a label with its field. */
export function freshId(): string {
  return `field-${++ids}`;
}

/** A field with its label above. */
export function labeled(text: string, field: HTMLElement, hint: string | null = null): HTMLElement {
  field.id ||= freshId();
  return element(
    "div",
    { class: "field" },
    element("label", { for: field.id }, text),
    field,
    hint === null ? null : element("p", { class: "hint" }, hint),
  );
}

export interface Slider {
  root: HTMLElement;
  input: HTMLInputElement;
  set(value: number): void;
}

/** A slider with its label and its value. */
export function slider(
  label: string,
  options: { min: number; max: number; step: number; value: number },
  format: (value: number) => string,
  onInput: (value: number, event: Event) => void,
): Slider {
  const id = freshId();
  const output = element("output", { for: id });
  const input = element("input", { type: "range", id, ...options });
  const show = () => {
    output.textContent = format(input.valueAsNumber);
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", (event) => {
    show();
    onInput(input.valueAsNumber, event);
  });
  show();
  return {
    root: element("div", { class: "slider" }, element("label", { for: id }, label), output, input),
    input,
    set(value) {
      if (input.valueAsNumber === value) return;
      input.value = String(value);
      show();
    },
  };
}

export function button(text: string, onClick: () => void, kind = ""): HTMLButtonElement {
  return element("button", { type: "button", class: `button ${kind}`, click: onClick }, text);
}

/** Buttons of which one is pressed. */
export function choice<T extends string>(
  label: string,
  options: Readonly<Record<T, string>>,
  value: NoInfer<T>,
  onChange: (value: T) => void,
): HTMLElement {
  const buttons = (Object.entries(options) as [T, string][]).map(([key, text]) => {
    const made = element("button", { type: "button", "aria-pressed": String(key === value) }, text);
    made.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === made));
      onChange(key);
    });
    return made;
  });
  return element("div", { class: "choice", role: "group", "aria-label": label }, ...buttons);
}

/** Let a user save a file. */
export function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = element("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A number in a few digits. */
export function short(value: number, digits = 3): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(digits))) : "–";
}

/** A color of the style sheet. */
export function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/**
 * Clear a canvas that is drawn at the resolution of the screen, in units of the page.
 * One that is not shown has no width, and keeps its picture.
 */
export function cleared(canvas: HTMLCanvasElement): {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
} {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const context = canvas.getContext("2d")!;
  if (width > 0) {
    canvas.width = Math.round(width * devicePixelRatio);
    canvas.height = Math.round(height * devicePixelRatio);
    context.scale(devicePixelRatio, devicePixelRatio);
  }
  return { context, width, height };
}
