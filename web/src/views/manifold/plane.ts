// The plane: decoded pictures behind, test samples as points, and the place in it.

import { color, element } from "../../dom";
import { toImageData } from "../../images/pixels";
import type { Shape } from "../../images/pixels";
import { REACH } from "./axes";

const ROWS = 15; // of pictures behind the plane
const POINT = 3.4;
const DIMMED = 0.75; // pictures behind points
const STEP = 0.05;

export interface Point {
  x: number;
  y: number;
  /** Its class, or null. */
  label: number | null;
}

interface Options {
  label: string;
  /** Called with a place in [−3, 3]² and the event that led to it. */
  onMove: (x: number, y: number, event: Event) => void;
}

export class Plane {
  readonly root: HTMLElement;
  points: Point[] = [];
  pictures: HTMLCanvasElement | null = null;
  showsPoints = true;
  showsPictures = true;
  private side = 0; // of the canvas, in pixels of the style sheet
  private x = 0;
  private y = 0;
  private readonly canvas: HTMLCanvasElement;
  /** Marks the place. An element of its own: the canvas need not be drawn again. */
  private readonly ring = element("div", { class: "ring" });

  constructor(private readonly options: Options) {
    this.canvas = element("canvas", {
      class: "plane",
      tabindex: 0,
      role: "application",
      "aria-label": options.label,
      "aria-roledescription": "plane",
    });
    this.root = element("div", { class: "plane-frame" }, this.canvas, this.ring);
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.point(event);
    });
    // Raw updates do not wait for the next frame, as `pointermove` does.
    const move = "onpointerrawupdate" in window ? "pointerrawupdate" : "pointermove";
    this.canvas.addEventListener(move, (event) => this.point(event as PointerEvent));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  place(x: number, y: number): void {
    [this.x, this.y] = [x, y];
    const [left, top] = this.pixel(x, y, this.side);
    this.ring.style.transform = `translate(${left}px, ${top}px)`;
  }

  private point(event: PointerEvent): void {
    const box = this.canvas.getBoundingClientRect();
    const inside = (share: number) => Math.min(REACH, Math.max(-REACH, (2 * share - 1) * REACH));
    const x = inside((event.clientX - box.left) / box.width);
    this.options.onMove(x, -inside((event.clientY - box.top) / box.height), event);
  }

  private key(event: KeyboardEvent): void {
    const moves: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, 1],
      ArrowDown: [0, -1],
    };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    const step = event.shiftKey ? 10 * STEP : STEP;
    const inside = (value: number) => Math.min(REACH, Math.max(-REACH, value));
    this.options.onMove(inside(this.x + move[0] * step), inside(this.y + move[1] * step), event);
  }

  draw(): void {
    this.side = this.canvas.clientWidth;
    const side = Math.round(this.side * devicePixelRatio);
    if (side === 0) return;
    this.canvas.width = this.canvas.height = side;
    const context = this.canvas.getContext("2d")!;
    context.fillStyle = color("sunken");
    context.fillRect(0, 0, side, side);
    if (this.showsPictures && this.pictures !== null) {
      context.globalAlpha = this.showsPoints && this.points.length > 0 ? DIMMED : 1;
      context.drawImage(this.pictures, 0, 0, side, side);
      context.globalAlpha = 1;
    }
    if (this.showsPoints) this.drawPoints(context, side);
    this.place(this.x, this.y);
  }

  private drawPoints(context: CanvasRenderingContext2D, side: number): void {
    const colors = Array.from({ length: 10 }, (_, i) => color(`class-${i}`));
    const radius = POINT * devicePixelRatio;
    context.lineWidth = 1.6 * devicePixelRatio;
    context.strokeStyle = color("raised");
    const plain = color("accent");
    for (const { x, y, label } of this.points) {
      context.fillStyle = label === null ? plain : colors[label % 10]!;
      context.beginPath();
      context.arc(...this.pixel(x, y, side), radius, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
  }

  private pixel(x: number, y: number, side: number): [number, number] {
    return [(x / REACH / 2 + 0.5) * side, (0.5 - y / REACH / 2) * side];
  }
}

/** How many pictures of a shape are behind the plane: [rows, columns]. */
function cells([height, width]: Shape): [number, number] {
  return [ROWS, Math.round((ROWS * height) / width)];
}

/** The places that the pictures behind the plane are decoded at, row by row. */
export function cellPlaces(shape: Shape): [number, number][] {
  const [rows, columns] = cells(shape);
  const along = (i: number, count: number) => (((i + 0.5) / count) * 2 - 1) * REACH;
  return Array.from({ length: rows * columns }, (_, i) => [
    along(i % columns, columns),
    -along(Math.floor(i / columns), rows),
  ]);
}

/** Put decoded pictures together to one. */
export function sheet(decoded: Float32Array, shape: Shape): HTMLCanvasElement {
  const [height, width, channels] = shape;
  const [rows, columns] = cells(shape);
  const canvas = element("canvas", { width: columns * width, height: rows * height });
  const context = canvas.getContext("2d")!;
  const size = height * width * channels;
  for (let i = 0; i < rows * columns; i++) {
    const picture = toImageData(decoded.subarray(i * size, (i + 1) * size), shape);
    context.putImageData(picture, (i % columns) * width, Math.floor(i / columns) * height);
  }
  return canvas;
}
