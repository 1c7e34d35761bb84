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

type Segment = LRUCache<string, StoredAnswer>;

/** New answers wait in this part until they are pushed out, and only then compete for the rest. */
const windowShare = 0.01;

/** Of the rest, the part for answers that were found there at least once; newcomers compete with the others. */
const protectedShare = 0.8;

/** Answers below this size are counted as being of it, when the sketch is made. */
const usualEntryBytes = 512;

/** What an entry costs besides its tensors' bytes: objects, key, links. */
export const entryOverheadBytes = 400;

/** A newcomer that would push out more than this many is not worth asking about. */
const mostVictims = 64;

/**
 * Answers by their requests' digests, bounded by bytes: W-TinyLFU. A newcomer enters a small window of what was used last;
 * pushed out of it, it replaces what has proved itself least only if it was asked for more often.
 */
export class AnswerStore {
  readonly #window: Segment;
  readonly #probation: Segment;
  readonly #protected: Segment;
  /** Of probation and protected together. */
  readonly #mainBytes: number;
  readonly #sketch: FrequencySketch;
  readonly #parts = new Map<string, { entries: number; sizeBytes: number }>();

  constructor(maxBytes: number) {
    const windowBytes = Math.max(1, Math.floor(maxBytes * windowShare));
    const mainBytes = Math.max(1, Math.floor(maxBytes) - windowBytes);
    this.#mainBytes = mainBytes;
    this.#window = new LRUCache({ maxSize: windowBytes });
    this.#probation = new LRUCache({ maxSize: mainBytes });
    this.#protected = new LRUCache({ maxSize: Math.max(1, Math.floor(mainBytes * protectedShare)) });
    this.#sketch = new FrequencySketch(maxBytes / usualEntryBytes);
  }

  get entries(): number {
    return this.#window.size + this.#probation.size + this.#protected.size;
  }

  get sizeBytes(): number {
    return this.#window.calculatedSize + this.#probation.calculatedSize + this.#protected.calculatedSize;
  }

  /** Also counts that it was asked for. */
  get(key: string): StoredAnswer | undefined {
    this.#sketch.count(key, this.entries);
    const proved = this.#protected.get(key);
    if (proved !== undefined) return proved;
    const found = this.#probation.peek(key);
    if (found === undefined) return this.#window.get(key);
    this.#protect(key, found);
    return found;
  }

  /** Without counting that it was asked for. */
  has(key: string): boolean {
    return this.#segments().some((segment) => segment.has(key));
  }

  /** May keep it, or not. */
  set(key: string, answer: StoredAnswer): void {
    this.delete(key);
    const window = this.#window;
    const { sizeBytes } = answer;
    if (sizeBytes > window.maxSize) {
      this.#compete(key, answer);
      return;
    }
    while (window.calculatedSize + sizeBytes > window.maxSize) {
      const oldest = oldestKey(window);
      const pushedOut = oldest === undefined ? undefined : this.#remove(window, oldest);
      if (oldest === undefined || pushedOut === undefined) break;
      this.#compete(oldest, pushedOut);
    }
    this.#add(window, key, answer);
  }

  delete(key: string): void {
    for (const segment of this.#segments()) this.#remove(segment, key);
  }

  /** Forgets everything of a model version. */
  deleteAll(digest: string): void {
    if (!this.#parts.has(digest)) return;
    for (const segment of this.#segments()) {
      const keys = [...segment.entries()].filter(([, answer]) => answer.digest === digest);
      for (const [key] of keys) this.#remove(segment, key);
    }
  }

  part(digest: string): StoredPart {
    return this.#parts.get(digest) ?? { entries: 0, sizeBytes: 0 };
  }

  #segments(): readonly Segment[] {
    return [this.#window, this.#probation, this.#protected];
  }

  /** Moves an answer that was found in probation; those that were not found again for longest make room and go back. */
  #protect(key: string, answer: StoredAnswer): void {
    const segment = this.#protected;
    if (answer.sizeBytes > segment.maxSize) {
      this.#probation.get(key);
      return;
    }
    this.#probation.delete(key);
    while (segment.calculatedSize + answer.sizeBytes > segment.maxSize) {
      const oldest = oldestKey(segment);
      const demoted = oldest === undefined ? undefined : segment.peek(oldest);
      if (oldest === undefined || demoted === undefined) break;
      segment.delete(oldest);
      this.#probation.set(oldest, demoted, { size: demoted.sizeBytes });
    }
    segment.set(key, answer, { size: answer.sizeBytes });
  }

  /** Takes the room of those in probation that were used longest ago if together they were asked for less often. */
  #compete(key: string, answer: StoredAnswer): void {
    const probation = this.#probation;
    const { sizeBytes } = answer;
    let freeBytes = this.#mainBytes - probation.calculatedSize - this.#protected.calculatedSize;
    if (freeBytes < sizeBytes) {
      const wanted = this.#sketch.estimate(key);
      const victims: string[] = [];
      let wantedVictims = 0;
      for (const victim of probation.rkeys()) {
        wantedVictims += this.#sketch.estimate(victim);
        if (wantedVictims >= wanted || victims.push(victim) > mostVictims) return;
        freeBytes += probation.peek(victim)?.sizeBytes ?? 0;
        if (freeBytes >= sizeBytes) break;
      }
      if (freeBytes < sizeBytes) return;
      for (const victim of victims) this.#remove(probation, victim);
    }
    this.#add(probation, key, answer);
  }

  #add(segment: Segment, key: string, answer: StoredAnswer): void {
    const { digest, sizeBytes } = answer;
    segment.set(key, answer, { size: sizeBytes });
    const part = this.#parts.get(digest);
    if (part === undefined) this.#parts.set(digest, { entries: 1, sizeBytes });
    else {
      part.entries += 1;
      part.sizeBytes += sizeBytes;
    }
  }

  #remove(segment: Segment, key: string): StoredAnswer | undefined {
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

function oldestKey(segment: Segment): string | undefined {
  for (const key of segment.rkeys()) return key;
  return undefined;
}
