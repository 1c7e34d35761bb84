/** 0 to 1, 1 excluded. */
export type Uniform = () => number;

/** Of the standard normal distribution (Box and Muller). */
export function drawNormal(random: Uniform): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Of the gamma distribution with scale 1 (Marsaglia and Tsang). @param shape above 0. */
export function drawGamma(shape: number, random: Uniform): number {
  if (shape < 1) return drawGamma(shape + 1, random) * (1 - random()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = drawNormal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random()) < (x * x) / 2 + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Of the beta distribution. @param a above 0, as is `b`. */
export function drawBeta(a: number, b: number, random: Uniform): number {
  const x = drawGamma(a, random);
  return x / (x + drawGamma(b, random));
}
