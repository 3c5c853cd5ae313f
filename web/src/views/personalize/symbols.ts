// Symbols that a model of digits does not know, for those who do not want to draw.

import { element } from "../../dom";
import { BRUSH, SIDE } from "../../ui/pad";

type Path = (context: CanvasRenderingContext2D) => void;

const line =
  (...points: [number, number][]): Path =>
  (context) => {
    points.forEach(([x, y]) => context.lineTo(x, y));
  };

const PATHS: Path[] = [
  // a heart, a star, a triangle, a house, a wave
  (context) => {
    context.moveTo(140, 220);
    context.bezierCurveTo(20, 130, 60, 50, 140, 100);
    context.bezierCurveTo(220, 50, 260, 130, 140, 220);
  },
  (context) => {
    for (let i = 0; i <= 5; i++) {
      const angle = (i * 4 * Math.PI) / 5 - Math.PI / 2;
      context.lineTo(140 + 90 * Math.cos(angle), 145 + 90 * Math.sin(angle));
    }
  },
  line([140, 60], [230, 220], [50, 220], [140, 60]),
  line([70, 220], [70, 130], [140, 60], [210, 130], [210, 220], [70, 220]),
  (context) => {
    context.moveTo(40, 140);
    context.bezierCurveTo(90, 20, 120, 20, 140, 140);
    context.bezierCurveTo(160, 260, 190, 260, 240, 140);
  },
];

/** Drawings of the symbols, white on black. */
export function symbols(): HTMLCanvasElement[] {
  return PATHS.map((path) => {
    const canvas = element("canvas", { width: SIDE, height: SIDE });
    const context = canvas.getContext("2d", { willReadFrequently: true })!;
    context.fillRect(0, 0, SIDE, SIDE);
    context.strokeStyle = "#fff";
    context.lineWidth = BRUSH;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    path(context);
    context.stroke();
    return canvas;
  });
}
