import { LRUCache } from 'lru-cache';
import type { ServingError } from '../errors.ts';
import type { Tensor } from '../inference/tensor.ts';
import { FrequencySketch } from './frequency-sketch.ts';

/** An answer as it is kept. Its tensors belong to the cache alone, so that no batch stays in memory because of them. */
export interface StoredAnswer {
  /** ModelSpec.digest: whose answer it is. */
  readonly digest: string;
  readonly outputs: readonly Tensor[];
  /** In place of outputs: what the model always makes of this input. */
  readonly error: ServingError | undefined;
  readonly sizeBytes: number;
  /** In the clock's milliseconds; Infinity for always. */
  readonly expiresAt: number;
  /** How long it took to make. */
  readonly costMs: number;
}

export interface StoredPart {
  readonly entries: number;
  readonly sizeBytes: number;
}

/** New answers wait in this part until they are pushed out, and only then compete for the rest. */
const windowShare = 0.01;

/** Answers below this size are counted as being of it, when the sketch is made. */
const usualEntryBytes = 512;

/** What an entry costs besides its tensors' bytes: objects, key, links. */
export const entryOverheadBytes = 400;

/** A newcomer that would push out more than this many is not worth asking about. */
const mostVictims = 64;

/**
 * Answers by their requests' digests, bounded by bytes: W-TinyLFU. A newcomer enters a small window of what was used last;
 * pushed out of it, it replaces what the rest of the store used longest ago only if it was asked for more often.
 */
export class AnswerStore {
  readonly #maxBytes: number;
  readonly #window: LRUCache<string, StoredAnswer>;
  readonly #main: LRUCache<string, StoredAnswer>;
  readonly #sketch: FrequencySketch;
  readonly #parts = new Map<string, { entries: number; sizeBytes: number }>();

  constructor(mostBytes: number) {
    const maxBytes = Math.floor(mostBytes);
    this.#maxBytes = maxBytes;
    const windowBytes = Math.max(1, Math.floor(maxBytes * windowShare));
    this.#window = new LRUCache({ maxSize: windowBytes });
    this.#main = new LRUCache({ maxSize: Math.max(1, maxBytes - windowBytes) });
    this.#sketch = new FrequencySketch(maxBytes / usualEntryBytes);
  }

  get entries(): number {
    return this.#window.size + this.#main.size;
  }

  get sizeBytes(): number {
    return this.#window.calculatedSize + this.#main.calculatedSize;
  }

  /** Also counts that it was asked for. */
  get(key: string): StoredAnswer | undefined {
    this.#sketch.count(key, this.entries);
    return this.#main.get(key) ?? this.#window.get(key);
  }

  /** May keep it, or not. */
  set(key: string, answer: StoredAnswer): void {
    this.delete(key);
    const { sizeBytes } = answer;
    if (sizeBytes > this.#maxBytes) return;
    if (sizeBytes > this.#window.maxSize) {
      this.#compete(key, answer);
      return;
    }
    while (this.#window.calculatedSize + sizeBytes > this.#window.maxSize) {
      const oldest = oldestKey(this.#window);
      const pushedOut = oldest === undefined ? undefined : this.#remove(this.#window, oldest);
      if (oldest === undefined || pushedOut === undefined) break;
      this.#compete(oldest, pushedOut);
    }
    this.#add(this.#window, key, answer);
  }

  delete(key: string): void {
    this.#remove(this.#main, key);
    this.#remove(this.#window, key);
  }

  /** Forgets everything of a model version. */
  deleteAll(digest: string): void {
    if (!this.#parts.has(digest)) return;
    for (const segment of [this.#window, this.#main]) {
      const keys = [...segment.entries()].filter(([, answer]) => answer.digest === digest);
      for (const [key] of keys) this.#remove(segment, key);
    }
  }

  clear(): void {
    this.#window.clear();
    this.#main.clear();
    this.#parts.clear();
  }

  part(digest: string): StoredPart {
    return this.#parts.get(digest) ?? { entries: 0, sizeBytes: 0 };
  }

  /** Takes the room of those used longest ago if together they were asked for less often. */
  #compete(key: string, answer: StoredAnswer): void {
    const main = this.#main;
    const { sizeBytes } = answer;
    if (sizeBytes > main.maxSize) return;
    let freeBytes = main.maxSize - main.calculatedSize;
    if (freeBytes < sizeBytes) {
      const wanted = this.#sketch.estimate(key);
      const victims: string[] = [];
      let wantedVictims = 0;
      for (const victim of main.rkeys()) {
        wantedVictims += this.#sketch.estimate(victim);
        victims.push(victim);
        if (wantedVictims >= wanted || victims.length > mostVictims) return;
        freeBytes += main.peek(victim)?.sizeBytes ?? 0;
        if (freeBytes >= sizeBytes) break;
      }
      for (const victim of victims) this.#remove(main, victim);
    }
    this.#add(main, key, answer);
  }

  #add(segment: LRUCache<string, StoredAnswer>, key: string, answer: StoredAnswer): void {
    const { digest, sizeBytes } = answer;
    segment.set(key, answer, { size: sizeBytes });
    const part = this.#parts.get(digest);
    if (part === undefined) this.#parts.set(digest, { entries: 1, sizeBytes });
    else {
      part.entries += 1;
      part.sizeBytes += sizeBytes;
    }
  }

  #remove(segment: LRUCache<string, StoredAnswer>, key: string): StoredAnswer | undefined {
    const answer = segment.peek(key);
    if (answer === undefined) return undefined;
    segment.delete(key);
    const part = this.#parts.get(answer.digest);
    if (part !== undefined) {
      part.entries -= 1;
      part.sizeBytes -= answer.sizeBytes;
      if (part.entries === 0) this.#parts.delete(answer.digest);
    }
    return answer;
  }
}

function oldestKey(segment: LRUCache<string, StoredAnswer>): string | undefined {
  for (const key of segment.rkeys()) return key;
  return undefined;
}
