import { LinkedQueue, type Linked } from '../util/linked-queue.ts';
import type { Prediction } from './prediction.ts';

/** The rows of one request, waiting for their labels. */
class KeptPrediction implements Linked<KeptPrediction> {
  readonly key: string;
  readonly rows: readonly Prediction[];
  readonly atMs: number;
  labelled = false;
  previous: KeptPrediction | undefined = undefined;
  next: KeptPrediction | undefined = undefined;

  constructor(key: string, rows: readonly Prediction[], atMs: number) {
    this.key = key;
    this.rows = rows;
    this.atMs = atMs;
  }
}

/**
 * What was answered to which request, for a while: at most so many, the oldest going first. Kept by who asked as well as by id, so
 * that nobody can label, or push out of the way, what others asked by guessing their ids.
 */
export class KeptPredictions {
  /** Finding the oldest key of a Map that is deleted from passes over what was deleted: the queue knows it at once. */
  readonly #byKey = new Map<string, KeptPrediction>();
  readonly #byAge = new LinkedQueue<KeptPrediction>();
  readonly #most: number;
  readonly #keepMs: number;

  constructor(most: number, keepMs: number) {
    this.#most = most;
    this.#keepMs = keepMs;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** The newest of equal ids counts. */
  keep(principal: string, id: string, rows: readonly Prediction[], nowMs: number): void {
    const key = keyOf(principal, id);
    const earlier = this.#byKey.get(key);
    if (earlier !== undefined) this.#byAge.remove(earlier);
    const kept = new KeptPrediction(key, rows, nowMs);
    this.#byKey.set(key, kept);
    this.#byAge.push(kept);
    let oldest = this.#byAge.first;
    while (oldest !== undefined && (this.#byKey.size > this.#most || nowMs - oldest.atMs > this.#keepMs)) {
      this.#byAge.remove(oldest);
      this.#byKey.delete(oldest.key);
      oldest = this.#byAge.first;
    }
  }

  find(principal: string, id: string, nowMs: number): KeptPrediction | undefined {
    const found = this.#byKey.get(keyOf(principal, id));
    return found !== undefined && nowMs - found.atMs <= this.#keepMs ? found : undefined;
  }
}

function keyOf(principal: string, id: string): string {
  return `${principal}\0${id}`;
}
