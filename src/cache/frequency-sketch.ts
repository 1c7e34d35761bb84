/** Rows of counters: an estimate is the smallest of so many, so that a collision in one does no harm. */
const rows = 4;
const highest = 15;
const smallestWidth = 1024;
const largestWidth = 2 ** 20;
const periodPerEntry = 10;
const smallestPeriod = 1024;

/**
 * How often each key was asked for of late: a count-min sketch of 4-bit counters, all halved once ten times as many keys
 * were counted as there are entries. Keys are digests: their characters serve as the rows' hashes.
 */
export class FrequencySketch {
  readonly #mask: number;
  /** Two counters a byte; row by row. */
  readonly #counters: Uint8Array;
  readonly #words: Uint32Array;
  #counted = 0;

  /** @param entries how many keys may be worth telling apart. */
  constructor(entries: number) {
    let width = smallestWidth;
    while (width < entries && width < largestWidth) width *= 2;
    this.#mask = width - 1;
    this.#counters = new Uint8Array((rows * width) / 2);
    this.#words = new Uint32Array(this.#counters.buffer);
  }

  /** @param entries how many are kept now: what the time between two halvings is measured by. */
  count(key: string, entries: number): void {
    for (let row = 0; row < rows; row++) {
      const at = this.#position(key, row);
      const byte = at >> 1;
      const shift = (at & 1) * 4;
      const value = this.#counters[byte] ?? 0;
      if (((value >> shift) & highest) < highest) this.#counters[byte] = value + (1 << shift);
    }
    this.#counted += 1;
    if (this.#counted >= periodPerEntry * entries && this.#counted >= smallestPeriod) this.#halve();
  }

  /** 0 to 15; never less than the truth up to that. */
  estimate(key: string): number {
    let least = highest;
    for (let row = 0; row < rows; row++) {
      const at = this.#position(key, row);
      const value = ((this.#counters[at >> 1] ?? 0) >> ((at & 1) * 4)) & highest;
      if (value < least) least = value;
    }
    return least;
  }

  #position(key: string, row: number): number {
    const at = row * rows;
    const hash =
      key.charCodeAt(at) |
      (key.charCodeAt(at + 1) << 8) |
      (key.charCodeAt(at + 2) << 16) |
      (key.charCodeAt(at + 3) << 24);
    return row * (this.#mask + 1) + (hash & this.#mask);
  }

  #halve(): void {
    const words = this.#words;
    for (let index = 0; index < words.length; index++)
      words[index] = ((words[index] ?? 0) >>> 1) & 0x7777_7777;
    this.#counted = Math.floor(this.#counted / 2);
  }
}
