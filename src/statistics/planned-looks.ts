import { normalQuantile } from './special-functions.ts';

/** Points on which the density between the boundaries is kept; the constants come out to four digits. */
const points = 301;

/** The probability that a sum of standard normal steps leaves -boundary..boundary within so many steps. */
function crossing(boundary: number, steps: number): number {
  const width = (2 * boundary) / (points - 1);
  const kernel = Float64Array.from(
    { length: points },
    (_, distance) => Math.exp(-((distance * width) ** 2) / 2) / Math.sqrt(2 * Math.PI),
  );
  let density = Float64Array.from(
    { length: points },
    (_, at) => kernel[Math.abs(at - (points - 1) / 2)] ?? 0,
  );
  for (let step = 1; step < steps; step++) {
    const next = new Float64Array(points);
    for (let to = 0; to < points; to++) {
      let sum = 0;
      for (let from = 0; from < points; from++) {
        sum += simpson(from) * (density[from] ?? 0) * (kernel[Math.abs(to - from)] ?? 0);
      }
      next[to] = (sum * width) / 3;
    }
    density = next;
  }
  let inside = 0;
  for (const [at, value] of density.entries()) inside += simpson(at) * value;
  return 1 - (inside * width) / 3;
}

function simpson(at: number): number {
  if (at === 0 || at === points - 1) return 1;
  return at % 2 === 1 ? 4 : 2;
}

/**
 * O'Brien and Fleming's boundaries: the |z| from which each of so many equally spaced looks at an experiment may end it, so that
 * all looks together err with probability `alpha`. Early looks need overwhelming evidence; the last one hardly more than one look.
 *
 * @param looks 1..50.
 */
export function obrienFleming(looks: number, alpha = 0.05): readonly number[] {
  const key = `${looks} ${alpha}`;
  const known = computed.get(key);
  if (known !== undefined) return known;
  const boundaries = compute(looks, alpha);
  // Designs come from outside.
  if (computed.size >= mostComputed) computed.clear();
  computed.set(key, boundaries);
  return boundaries;
}

/** They take up to a tenth of a second, and servers ask for those of the same few designs again and again. */
const computed = new Map<string, readonly number[]>();
const mostComputed = 100;

function compute(looks: number, alpha: number): readonly number[] {
  let low = normalQuantile(1 - alpha / 2);
  let high = 2 * low;
  if (looks === 1) return [low];
  while (high - low > 1e-5) {
    const middle = (low + high) / 2;
    if (crossing(middle * Math.sqrt(looks), looks) > alpha) low = middle;
    else high = middle;
  }
  return Array.from({ length: looks }, (_, look) => low * Math.sqrt(looks / (look + 1)));
}
