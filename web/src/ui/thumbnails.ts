// Small pictures, of which one can be chosen.

import { element } from "../dom";
import { imageOf } from "../images/pixels";
import type { Shape } from "../images/pixels";

/** Buttons with pictures; `onChoose` gets the place of the chosen one. */
export function thumbnails(
  label: string,
  pictures: Float32Array[],
  shape: Shape,
  names: string[],
  onChoose: (place: number) => void,
): HTMLElement {
  const buttons = pictures.map((pixels, place) => {
    const made = element(
      "button",
      {
        type: "button",
        class: "thumbnail",
        "aria-label": names[place] ?? "",
        "aria-pressed": "false",
      },
      imageOf(pixels, shape),
    );
    made.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === made));
      onChoose(place);
    });
    return made;
  });
  return element("div", { class: "thumbnails", role: "group", "aria-label": label }, ...buttons);
}
