import { LinkedQueue, type Linked } from '../util/linked-queue.ts';
import type { Prediction } from './prediction.ts';
import type { PredictionKeeper } from './quality-store.ts';

/** The rows of one request, waiting for their labels. */
export class KeptPrediction implements Linked<KeptPrediction> {
  readonly key: string;
  readonly rows: readonly Prediction[];
  /** Of epoch. */
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
  readonly #keeper: PredictionKeeper | undefined;

  /** @param keeper told of all that is kept here, but of what is restored. */
  constructor(most: number, keepMs: number, keeper?: PredictionKeeper) {
    this.#most = most;
    this.#keepMs = keepMs;
    this.#keeper = keeper;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** The newest of equal ids counts. */
  keep(principal: string, id: string, rows: readonly Prediction[], nowMs: number): void {
    const kept = new KeptPrediction(keyOf(principal, id), rows, nowMs);
    this.#keeper?.keep(kept);
    this.restore(kept, nowMs);
  }

  /** What was kept before, from the oldest. */
  restore(kept: KeptPrediction, nowMs: number): void {
    const earlier = this.#byKey.get(kept.key);
    if (earlier !== undefined) this.#byAge.remove(earlier);
    this.#byKey.set(kept.key, kept);
    this.#byAge.push(kept);
    let oldest = this.#byAge.first;
    while (oldest !== undefined && (this.#byKey.size > this.#most || nowMs - oldest.atMs > this.#keepMs)) {
      this.#byAge.remove(oldest);
      this.#byKey.delete(oldest.key);
      this.#keeper?.forget(oldest);
      oldest = this.#byAge.first;
    }
  }

  find(key: string, nowMs: number): KeptPrediction | undefined {
    const found = this.#byKey.get(key);
    return found !== undefined && nowMs - found.atMs <= this.#keepMs ? found : undefined;
  }

  /** It has its labels: later ones are repeated. */
  label(kept: KeptPrediction): void {
    kept.labelled = true;
    this.#keeper?.label(kept);
  }
}

/** By which a prediction is known. */
export function keyOf(principal: string, id: string): string {
  return `${principal}\0${id}`;
}
