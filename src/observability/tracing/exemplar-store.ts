import type { Exemplar } from '../../inference/exemplar.ts';
import { requestBoundsMs } from '../statistics.ts';

/** Of versions and fronts together; a server of more has exemplars of the ones used last. */
const maxSeries = 1024;

/** The last exemplar of each bucket of each version and front. */
export class ExemplarStore {
  readonly #series = new Map<string, Map<number, Exemplar>>();

  add(exemplar: Exemplar): void {
    const key = JSON.stringify([exemplar.model, exemplar.version, exemplar.front]);
    const buckets = this.#series.get(key) ?? new Map<number, Exemplar>();
    buckets.set(
      requestBoundsMs.findIndex((bound) => exemplar.ms <= bound),
      exemplar,
    );
    this.#series.delete(key);
    this.#series.set(key, buckets);
    if (this.#series.size <= maxSeries) return;
    for (const oldest of this.#series.keys()) {
      this.#series.delete(oldest);
      break;
    }
  }

  all(): readonly Exemplar[] {
    return Array.from(this.#series.values()).flatMap((buckets) => [...buckets.values()]);
  }

  clear(): void {
    this.#series.clear();
  }
}
