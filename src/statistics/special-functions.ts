import { compiled, igamc, incbet, incbi, kolmogorov, lgam, ndtr, ndtri } from 'cephes';

/** Moshier's Cephes, which scipy's own special functions are made of, as WebAssembly. */
await compiled;

/** P(Z <= z) of the standard normal distribution. */
export function normalCdf(z: number): number {
  return ndtr(z);
}

/** The z with P(Z <= z) = p. -Infinity and Infinity at 0 and 1. */
export function normalQuantile(p: number): number {
  if (p <= 0) return -Infinity;
  return p >= 1 ? Infinity : ndtri(p);
}

/** P(|T| > |t|) of Student's distribution with any positive degrees of freedom. */
export function studentTwoSided(t: number, degreesOfFreedom: number): number {
  if (!Number.isFinite(t)) return 0;
  return incbet(degreesOfFreedom / 2, 0.5, degreesOfFreedom / (degreesOfFreedom + t * t));
}

/** The t above 0 with P(|T| > t) = alpha. */
export function studentTwoSidedQuantile(alpha: number, degreesOfFreedom: number): number {
  const x = incbi(degreesOfFreedom / 2, 0.5, alpha);
  return Math.sqrt(degreesOfFreedom * (1 / x - 1));
}

/** P(X > x) of the chi-square distribution; 0 below what a double can hold. */
export function chiSquareSurvival(x: number, degreesOfFreedom: number): number {
  if (x <= 0) return 1;
  if (x === Infinity) return 0;
  try {
    return igamc(degreesOfFreedom / 2, x / 2);
  } catch (error) {
    if (error instanceof Error && error.message.includes('underflow')) return 0;
    throw error;
  }
}

/** P(X > x) of Fisher's F distribution with any positive degrees of freedom. */
export function fSurvival(x: number, numerator: number, denominator: number): number {
  if (x <= 0) return 1;
  if (x === Infinity) return 0;
  return incbet(denominator / 2, numerator / 2, denominator / (denominator + numerator * x));
}

/** Below it Kolmogorov's distribution is 1 but for 1e-12, and Cephes' sum takes ever more terms. */
const leastKolmogorov = 0.2;

/** P(K > x) of Kolmogorov's limiting distribution. */
export function kolmogorovSurvival(x: number): number {
  if (x < leastKolmogorov) return 1;
  return x > 20 ? 0 : kolmogorov(x);
}

/** Natural logarithm of the beta function. */
export function logBeta(a: number, b: number): number {
  return lgam(a) + lgam(b) - lgam(a + b);
}
