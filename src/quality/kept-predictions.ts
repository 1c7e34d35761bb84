import type { Prediction } from './prediction.ts';

/** The rows of one request, waiting for their labels. */
export interface KeptPrediction {
  readonly rows: readonly Prediction[];
  readonly atMs: number;
  labelled: boolean;
}

/**
 * What was answered to which request, for a while: at most so many, the oldest going first. Kept by who asked as well as by id, so
 * that nobody can label, or push out of the way, what others asked by guessing their ids.
 */
export class KeptPredictions {
  readonly #kept = new Map<string, KeptPrediction>();
  readonly #most: number;
  readonly #keepMs: number;

  constructor(most: number, keepMs: number) {
    this.#most = most;
    this.#keepMs = keepMs;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** The newest of equal ids counts. */
  keep(principal: string, id: string, rows: readonly Prediction[], nowMs: number): void {
    const key = keyOf(principal, id);
    this.#kept.delete(key);
    this.#kept.set(key, { rows, atMs: nowMs, labelled: false });
    for (const [oldest, { atMs }] of this.#kept) {
      if (this.#kept.size <= this.#most && nowMs - atMs <= this.#keepMs) break;
      this.#kept.delete(oldest);
    }
  }

  find(principal: string, id: string, nowMs: number): KeptPrediction | undefined {
    const found = this.#kept.get(keyOf(principal, id));
    return found !== undefined && nowMs - found.atMs <= this.#keepMs ? found : undefined;
  }
}

function keyOf(principal: string, id: string): string {
  return `${principal}\0${id}`;
}
