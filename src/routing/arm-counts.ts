import type { ServingError } from '../errors.ts';
import type { MetricSums } from '../inference/arm-metrics.ts';
import type { ArmReading, Assignment } from '../inference/traffic-split.ts';
import { logBucketCount, logBucketOf } from '../util/log-buckets.ts';

/** What happened to the requests of one arm in one thread. */
export class ArmCounts {
  requests = 0;
  failures = 0;
  invalid = 0;
  fallbacks = 0;
  broken = 0;
  compared = 0;
  differed = 0;
  dropped = 0;
  readonly #durations = new Float64Array(logBucketCount);
  readonly #metrics = new Map<string, MetricSums>();

  /** @param valid whether the answer's numbers are. */
  addAnswer(durationMs: number, valid: boolean): void {
    this.requests += 1;
    if (!valid) this.invalid += 1;
    this.#addDuration(durationMs);
  }

  /** Only what a version does is held against it: clients cancel, send nonsense, and come in crowds. */
  addFailure(error: ServingError, durationMs: number): void {
    if (error.code === 'internal' || error.code === 'unavailable') {
      this.requests += 1;
      this.failures += 1;
    } else if (error.code === 'deadline_exceeded') {
      this.requests += 1;
      this.#addDuration(durationMs);
    }
  }

  /** A failure that was not the request's fault, although it looked like that. */
  addFault(): void {
    this.requests += 1;
    this.failures += 1;
  }

  /** @param metric one of those of the split: there are few. */
  addMetric(metric: string, { count, sum, squares }: MetricSums): void {
    const before = this.#metrics.get(metric) ?? noSums;
    this.#metrics.set(metric, {
      count: before.count + count,
      sum: before.sum + sum,
      squares: before.squares + squares,
    });
  }

  read(model: string, assignment: Assignment): ArmReading {
    return {
      model,
      ...assignment,
      requests: this.requests,
      failures: this.failures,
      invalid: this.invalid,
      fallbacks: this.fallbacks,
      broken: this.broken,
      durations: [...this.#durations],
      compared: this.compared,
      differed: this.differed,
      dropped: this.dropped,
      metrics: Object.fromEntries(this.#metrics),
    };
  }

  #addDuration(durationMs: number): void {
    const bucket = logBucketOf(durationMs);
    this.#durations[bucket] = (this.#durations[bucket] ?? 0) + 1;
  }
}

const noSums: MetricSums = { count: 0, sum: 0, squares: 0 };
