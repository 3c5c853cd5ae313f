// The picture that a model is to restore: clean or as it is, in the model's format.

import { drawingToInput } from "../../images/digits";
import { fitted, inverted, isGray, pixelsOf } from "../../images/pixels";
import type { Picture, Shape } from "../../images/pixels";
import type { NoiseKind } from "../../images/noise";
import type { Model } from "../../models";

export interface Noise {
  kind: NoiseKind;
  amount: number;
  seed: number;
}

/** A picture of a file, in the size of the model, or in its own where that may vary. */
export function pictureOf(canvas: HTMLCanvasElement, model: Model): Picture {
  const [height, width, channels] = model.input_shape as Shape;
  if (model.is_any_size) {
    // A model of gray images restores the colors one by one.
    const taken = channels === 1 && isGray(canvas) ? 1 : 3;
    return { pixels: pixelsOf(canvas, taken), shape: [canvas.height, canvas.width, taken] };
  }
  const isDigit = isOfDigits(model);
  const pixels = pixelsOf(fitted(canvas, width, height, isDigit ? "all" : "middle"), channels);
  return { pixels: isDigit ? onBlack(pixels) : pixels, shape: [height, width, channels] };
}

export function drawingOf(canvas: HTMLCanvasElement, model: Model): Picture | null {
  const shape = model.input_shape as Shape;
  const pixels = drawingToInput(canvas, shape);
  return pixels === null ? null : { pixels, shape };
}

/** Whether a model knows white strokes on black only. */
export function isOfDigits(model: Model): boolean {
  const [height, width, channels] = model.input_shape as Shape;
  const name = model.data.name ?? "";
  return channels === 1 && height === width && (name === "digits" || name === "mnist");
}

/** Photographed digits are dark on bright paper. */
function onBlack(pixels: Float32Array): Float32Array {
  const mean = pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
  return mean > 0.5 ? inverted(pixels) : pixels;
}

/** The noise that a model of the zoo was made for, more or less. */
export function usualAmount(model: Model): number {
  if (model.variant !== "DenoisingAutoencoder") return 0;
  return model.is_any_size ? 0.1 : isOfDigits(model) ? 0.5 : 0.2;
}

export interface SamplePicture {
  name: string;
  label: string;
}

const CAT = { name: "cat.jpg", label: "A photograph of a cat" };
const FACE = { name: "face.jpg", label: "A photograph of a face" };
const PAGE = { name: "page.jpg", label: "A stained page" };

/** Pictures that come with the page and suit a model; digits have their own. */
export function picturesFor(model: Model): SamplePicture[] {
  const name = model.data.name ?? "";
  if (isOfDigits(model) || name === "fashion_mnist") return [];
  if (name.includes("faces")) return [FACE];
  if (name.includes("document")) return [PAGE];
  return model.is_own ? [CAT, FACE, PAGE] : [CAT];
}
