import { seededRandom } from '../util/seeded-random.ts';
import { EmbeddingWatch, mostReferenceRows } from './embedding-watch.ts';
import type { EmbeddingProfile } from './profile.ts';

/** Fewer say too little of how vectors are distributed. */
export const leastVectors = 1000;

/** Elements that are kept at once: 128 MB. */
const mostElements = 32_000_000;

/** Vectors of a table or an array, until they are the reference of a tensor: so many as it takes, of all by chance, in an order of chance. */
export class VectorSample {
  readonly width: number;
  readonly #most: number;
  readonly #random = seededRandom(1);
  readonly #kept: Float32Array[] = [];
  #seen = 0;
  #unfitting = 0;

  constructor(width: number) {
    this.width = width;
    this.#most = Math.max(leastVectors, Math.min(mostReferenceRows, Math.floor(mostElements / width)));
  }

  /** Vectors that were taken, all finite. */
  get rows(): number {
    return this.#seen;
  }

  /** Vectors with what is no finite number: they count for nothing. */
  get unfitting(): number {
    return this.#unfitting;
  }

  /** @param vector of the width; owned from here on. */
  add(vector: Float32Array): void {
    if (!vector.every((value) => Number.isFinite(value))) {
      this.#unfitting++;
      return;
    }
    this.#seen++;
    if (this.#kept.length < this.#most) {
      // Data are often sorted: neighbours would look like each other.
      const place = Math.floor(this.#random() * (this.#kept.length + 1));
      const moved = this.#kept[place];
      if (moved !== undefined) this.#kept.push(moved);
      this.#kept[place] = vector;
      return;
    }
    const place = Math.floor(this.#random() * this.#seen);
    if (place < this.#most) this.#kept[place] = vector;
  }

  /** undefined of fewer than `leastVectors`. @param name of the tensor. */
  profile(name: string): EmbeddingProfile | undefined {
    if (this.#kept.length < leastVectors) return undefined;
    const watch = new EmbeddingWatch({
      tensor: { name, width: this.width, side: 'inputs' },
      profile: undefined,
      firstRows: this.#kept.length,
      windowMs: Infinity,
      windowRows: Infinity,
      tensors: 1,
      nowMs: 0,
      onWindow: () => undefined,
    });
    for (const vector of this.#kept) watch.add(vector, 0);
    return watch.profile;
  }
}
