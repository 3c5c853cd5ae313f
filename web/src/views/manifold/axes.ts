// Places on the plane and the sliders, and the codes that they stand for.

import type { Codes } from "../../models";

/** How far the plane and the sliders reach, in deviations of the codes. */
export const REACH = 3;
const MOST_DIRECTIONS = 8;

/** z = center + Σ place_k deviation_k direction_k + rest. */
export class Axes {
  readonly count: number;
  /** What no direction covers of the code of a test sample. */
  private rest: Float32Array;

  constructor(private readonly codes: Codes) {
    this.count = Math.min(MOST_DIRECTIONS, codes.directions.length);
    this.rest = new Float32Array(codes.center.length);
  }

  /** The axes of the prior N(0, I), for a model without codes of test samples. */
  static ofPrior(size: number): Axes {
    const directions = Array.from({ length: Math.min(size, MOST_DIRECTIONS) }, (_, k) =>
      Array.from({ length: size }, (_, i) => Number(i === k)),
    );
    const center = Array<number>(size).fill(0);
    const deviations = directions.map(() => 1);
    return new Axes({ values: [], labels: null, center, directions, deviations });
  }

  code(places: readonly number[]): Float32Array {
    const z = Float32Array.from(this.codes.center, (value, i) => value + this.rest[i]!);
    places.forEach((place, k) => {
      const step = place * this.codes.deviations[k]!;
      this.codes.directions[k]!.forEach((value, i) => (z[i]! += step * value));
    });
    return z;
  }

  places(z: ArrayLike<number>): number[] {
    return this.codes.directions.slice(0, this.count).map((direction, k) => {
      const along = direction.reduce((sum, v, i) => sum + v * (z[i]! - this.codes.center[i]!), 0);
      return along / this.codes.deviations[k]!;
    });
  }

  /** Let `code(places(z))` be z, so that a test sample is decoded as it is. */
  keepRest(z: ArrayLike<number>): void {
    this.dropRest();
    const covered = this.code(this.places(z));
    this.rest = covered.map((value, i) => z[i]! - value);
  }

  dropRest(): void {
    this.rest.fill(0);
  }
}
