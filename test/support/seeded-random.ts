import { seededRandom } from '../../src/util/seeded-random.ts';

export { seededRandom };

/** Normally distributed with mean 0 and variance 1 (Box and Muller). */
export function seededNormal(seed: number): () => number {
  const uniform = seededRandom(seed);
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
