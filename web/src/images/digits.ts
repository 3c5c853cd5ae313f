// Drawings and samples of digits in the formats of the datasets.

import { element } from "../dom";
import type { Samples } from "../models";
import { pixelsOf, scaled } from "./pixels";
import type { Shape } from "./pixels";

const INK = 0.05;

interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/**
 * Convert a drawing, white on black, to the input of a model: as MNIST was made for
 * 28×28 and as scikit-learn's digits for 8×8; otherwise scaled as a whole.
 */
export function drawingToInput(drawing: HTMLCanvasElement, shape: Shape): Float32Array | null {
  const [height, width, channels] = shape;
  const box = inkBox(drawing);
  if (box === null) return null;
  if (width === 28 && height === 28 && channels === 1) return mnistStyle(drawing, box);
  const cropped = width === 8 ? copied(drawing, square(box)) : drawing;
  return pixelsOf(scaled(halved(cropped, width), width, height), channels);
}

/** The ink fits a box of 20×20, and its center of mass is in the middle of 28×28. */
function mnistStyle(drawing: HTMLCanvasElement, box: Box): Float32Array {
  const scale = 20 / Math.max(box.width, box.height);
  const width = Math.max(1, Math.round(box.width * scale));
  const height = Math.max(1, Math.round(box.height * scale));
  const ink = scaled(halved(copied(drawing, box), width), width, height);
  const values = pixelsOf(ink, 1);
  let [sum, sumX, sumY] = [0, 0, 0];
  values.forEach((value, i) => {
    sum += value;
    sumX += value * (i % width);
    sumY += value * Math.floor(i / width);
  });
  const place = (center: number, size: number) =>
    Math.min(28 - size, Math.max(0, Math.round(13.5 - center)));
  const left = place(sumX / sum, width);
  const top = place(sumY / sum, height);
  const result = new Float32Array(28 * 28);
  values.forEach((value, i) => {
    result[(top + Math.floor(i / width)) * 28 + left + (i % width)] = value;
  });
  return result;
}

function inkBox(drawing: HTMLCanvasElement): Box | null {
  const values = pixelsOf(drawing, 1);
  const { width } = drawing;
  let [left, top, right, bottom] = [Infinity, Infinity, -1, -1];
  values.forEach((value, i) => {
    if (value <= INK) return;
    const [x, y] = [i % width, Math.floor(i / width)];
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  });
  if (right < 0) return null;
  return { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** A square around the middle of a box, with a little margin. */
function square(box: Box): Box {
  const side = Math.max(box.width, box.height) * 1.05;
  return {
    left: box.left + (box.width - side) / 2,
    top: box.top + (box.height - side) / 2,
    width: side,
    height: side,
  };
}

function copied(source: HTMLCanvasElement, box: Box): HTMLCanvasElement {
  const [width, height] = [Math.max(1, Math.round(box.width)), Math.max(1, Math.round(box.height))];
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d")!;
  context.fillRect(0, 0, width, height); // black, as the paper is
  context.drawImage(source, -Math.round(box.left), -Math.round(box.top));
  return canvas;
}

/** Halve a picture until it is less than twice as wide as wanted, to average pixels. */
function halved(source: HTMLCanvasElement, width: number): HTMLCanvasElement {
  let current = source;
  while (current.width >= 2 * width) {
    current = scaled(current, Math.ceil(current.width / 2), Math.ceil(current.height / 2));
  }
  return current;
}

/** Which samples suit a model: digits, if it takes them; otherwise none. */
export function samplesFor(
  samples: Samples,
  shape: readonly number[],
  data: string | null,
): Float32Array[] {
  const [height, width, channels] = shape;
  if (channels !== 1 || height !== width) return [];
  if (width === 8) {
    return samples.small.map((values) => Float32Array.from(values, (value) => value / 16));
  }
  if (width !== 28 || data === "fashion_mnist") return [];
  return samples.large.map((text) =>
    Float32Array.from(atob(text), (character) => character.charCodeAt(0) / 255),
  );
}
