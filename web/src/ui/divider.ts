// Two pictures, one above the other, with a divider that can be dragged.

import { element, freshId } from "../dom";
import { draw } from "../images/pixels";
import type { Shape } from "../images/pixels";

export interface Divider {
  root: HTMLElement;
  after: HTMLCanvasElement;
  show(before: Float32Array, beforeShape: Shape, after: Float32Array | null, shape: Shape): void;
}

const WANTED = 560; // pixels that a small picture is enlarged to

export function divider(): Divider {
  const before = element("canvas", { role: "img", "aria-label": "Before" });
  const after = element("canvas", { role: "img", "aria-label": "After", class: "after" });
  const line = element("div", { class: "divider-line" });
  const id = freshId();
  const handle = element("input", {
    type: "range",
    min: 0,
    max: 100,
    step: 0.5,
    value: 50,
    id,
    class: "divider-handle",
  });
  const move = () => {
    const share = handle.valueAsNumber;
    handle.setAttribute("aria-valuetext", `${Math.round(share)} % before`);
    after.style.clipPath = `inset(0 0 0 ${share}%)`;
    line.style.left = `${share}%`;
  };
  handle.addEventListener("input", move);
  const stack = element("div", { class: "divider-stack" }, before, after, line, handle);
  const root = element(
    "div",
    { class: "divider" },
    element(
      "div",
      { class: "divider-scroll", tabindex: 0, role: "region", "aria-label": "Picture" },
      stack,
    ),
    element(
      "div",
      { class: "divider-names" },
      element("span", {}, "Before"),
      element("label", { for: id }, "Drag to compare"),
      element("span", {}, "After"),
    ),
  );
  move();
  return {
    root,
    after,
    show(pixels, beforeShape, restored, shape) {
      draw(before, pixels, beforeShape);
      after.hidden = line.hidden = handle.hidden = restored === null;
      if (restored !== null) draw(after, restored, shape);
      // Large pictures are shown at 1:1; of small ones, each pixel is enlarged.
      const scale = Math.max(1, Math.floor(WANTED / Math.max(shape[0], shape[1])));
      stack.style.width = `${beforeShape[1] * scale}px`;
      stack.style.aspectRatio = `${beforeShape[1]} / ${beforeShape[0]}`;
      stack.classList.toggle("enlarged", scale > 1);
    },
  };
}
