// Ways to give a view a picture: a file, by drop, paste or choice.

import { button, element } from "../dom";
import { decode } from "../images/pixels";

/** A box that takes an image file. Pastes and drops anywhere in `view` count too. */
export function imageInput(
  view: HTMLElement,
  onImage: (canvas: HTMLCanvasElement, name: string) => void,
  onError: (message: string) => void,
): HTMLElement {
  const file = element("input", {
    type: "file",
    accept: "image/*",
    class: "hidden-file",
    tabindex: -1,
  });
  file.setAttribute("aria-label", "Image file");
  const take = async (blob: File | null | undefined) => {
    if (!blob) return;
    try {
      onImage(await decode(blob), blob.name || "pasted.png");
    } catch (error) {
      onError((error as Error).message);
    }
  };
  file.addEventListener("change", () => {
    void take(file.files?.[0]);
    file.value = ""; // so that the same file can be chosen again
  });
  const box = element(
    "div",
    { class: "drop" },
    element("p", {}, "Drop or paste an image here, or"),
    button("choose a file", () => file.click()),
    file,
  );
  view.addEventListener("dragover", (event) => {
    event.preventDefault();
    box.classList.add("over");
  });
  view.addEventListener("dragleave", () => box.classList.remove("over"));
  view.addEventListener("drop", (event) => {
    event.preventDefault();
    box.classList.remove("over");
    void take(event.dataTransfer?.files[0]);
  });
  const paste = (event: ClipboardEvent) => {
    if (!view.isConnected) {
      document.removeEventListener("paste", paste);
      return;
    }
    const images = [...(event.clipboardData?.files ?? [])];
    void take(images.find(({ type }) => type.startsWith("image/")));
  };
  document.addEventListener("paste", paste);
  return box;
}
