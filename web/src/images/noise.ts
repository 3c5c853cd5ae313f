// Noise that is added before a model removes it, equal for equal seeds.

export type NoiseKind = "gaussian" | "masking" | "salt_and_pepper";

export const NOISE_KINDS: Record<NoiseKind, string> = {
  gaussian: "Gaussian",
  masking: "Missing pixels",
  salt_and_pepper: "Salt and pepper",
};

/** A generator of numbers in [0, 1): mulberry32. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A generator of draws of N(0, 1): Box and Muller. */
export function normal(seed: number): () => number {
  const uniform = random(seed);
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** Add noise to pixels in [0, 1]; `amount` is σ, or the share of pixels that change. */
export function addNoise(
  pixels: Float32Array,
  kind: NoiseKind,
  amount: number,
  seed: number,
): Float32Array {
  if (amount === 0) return pixels.slice();
  if (kind === "gaussian") {
    const draw = normal(seed);
    return pixels.map((value) => Math.min(1, Math.max(0, value + amount * draw())));
  }
  const draw = random(seed);
  return pixels.map((value) => {
    if (draw() >= amount) return value;
    return kind === "salt_and_pepper" && draw() < 0.5 ? 1 : 0;
  });
}
