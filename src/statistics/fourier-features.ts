/** How many directions a space of vectors is looked at in; each gives a cosine and a sine. */
const fourierDirections = 128;

/** Numbers that each vector is mapped to. */
export const fourierFeatures = 2 * fourierDirections;

export interface FourierPlan {
  /** Elements of a vector. */
  readonly width: number;
  /** The same seed gives the same features. */
  readonly seed: number;
  /** Distance at which a Gaussian kernel has fallen to exp(-1/2). */
  readonly bandwidth: number;
}

/**
 * Rahimi and Recht's random Fourier features of the Gaussian kernel: the inner product of two mapped vectors is their kernel on
 * average, so that the distance of two means of mapped vectors is the maximum mean discrepancy of what they are means of.
 */
export class FourierFeatures {
  readonly #width: number;
  /** Direction by direction. */
  readonly #directions: Float64Array;

  constructor({ width, seed, bandwidth }: FourierPlan) {
    const random = generator(seed);
    this.#width = width;
    this.#directions = new Float64Array(fourierDirections * width);
    for (let i = 0; i < this.#directions.length; i++) this.#directions[i] = normal(random) / bandwidth;
  }

  /** Into `mapped`, whose length is `fourierFeatures`; its squares add up to 1. */
  map(vector: Float32Array, mapped: Float64Array): void {
    const scale = 1 / Math.sqrt(fourierDirections);
    for (let direction = 0, at = 0; direction < fourierDirections; direction++) {
      let angle = 0;
      for (let i = 0; i < this.#width; i++, at++) angle += (this.#directions[at] ?? 0) * (vector[i] ?? 0);
      mapped[2 * direction] = scale * Math.cos(angle);
      mapped[2 * direction + 1] = scale * Math.sin(angle);
    }
  }
}

/** Pairs of vectors whose distances are looked at. */
const mostPairs = 2000;

/** The median distance between vectors, which suits as a bandwidth; 1 where all are the same. @param rows one after the other. */
export function medianDistance(rows: Float32Array, width: number): number {
  const count = Math.floor(rows.length / width);
  const random = generator(count);
  const distances: number[] = [];
  const pairs = count > 1 ? mostPairs : 0;
  for (let pair = 0; pair < pairs; pair++) {
    const a = Math.floor(random() * count);
    const b = (a + 1 + Math.floor(random() * (count - 1))) % count;
    let squares = 0;
    for (let i = 0; i < width; i++) {
      const off = (rows[a * width + i] ?? 0) - (rows[b * width + i] ?? 0);
      squares += off * off;
    }
    if (squares > 0) distances.push(Math.sqrt(squares));
  }
  return distances.sort((a, b) => a - b)[Math.floor(distances.length / 2)] ?? 1;
}

/** Numbers of [0, 1) that follow from the seed (Steele and Vigna's splitmix, 32 bits). */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
