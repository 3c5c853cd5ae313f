// A pad to draw on with a pointer: white on black, as the digits are.

import { button, element } from "../dom";

/** Width and height of a drawing, and width of its lines. */
export const [SIDE, BRUSH] = [280, 20];

export interface Pad {
  root: HTMLElement;
  canvas: HTMLCanvasElement;
  clear(): void;
}

/** Make a pad; `onDraw` is called while a stroke grows, and when the pad is cleared. */
export function drawingPad(label: string, onDraw: () => void): Pad {
  const canvas = element("canvas", {
    width: SIDE,
    height: SIDE,
    class: "pad",
    role: "img",
    "aria-label": label,
  });
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  const clear = () => {
    context.fillStyle = "#000";
    context.fillRect(0, 0, SIDE, SIDE);
  };
  clear();
  let last: [number, number] | null = null;
  const place = (event: PointerEvent): [number, number] => {
    const box = canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * SIDE,
      ((event.clientY - box.top) / box.height) * SIDE,
    ];
  };
  const stroke = (to: [number, number]) => {
    context.strokeStyle = "#fff";
    context.lineWidth = BRUSH;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...(last ?? to));
    context.lineTo(...to);
    context.stroke();
    last = to;
    onDraw();
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = null;
    stroke(place(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (last === null) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) stroke(place(each));
  });
  for (const name of ["pointerup", "pointercancel"] as const) {
    canvas.addEventListener(name, () => (last = null));
  }
  const clearAll = () => {
    clear();
    onDraw();
  };
  const root = element(
    "div",
    { class: "pad-box" },
    canvas,
    button("Clear the drawing", clearAll, "quiet"),
  );
  return { root, canvas, clear };
}
