import type { FailureCount } from '../observability/failure-counts.ts';
import type { ThreadObservation, TransportCounts } from '../observability/observation.ts';
import type { PredictionCounts } from '../observability/predictions/prediction-log.ts';
import { lostPredictions, sumPredictions } from './sum-predictions.ts';

/**
 * What I/O threads had counted when they were lost, as far as it had been read by then: what the process counts must not
 * fall, or whoever computes rates takes it for a restart.
 */
export class LostCounts {
  readonly #read = new Map<string, ThreadObservation>();
  #failures: readonly FailureCount[] = [];
  #transport: TransportCounts | undefined = undefined;
  #predictions: PredictionCounts | undefined = undefined;

  /** @returns the readings of threads that live, and what is left of the others. */
  with(threads: readonly ThreadObservation[]): readonly ThreadObservation[] {
    for (const reading of threads) this.#read.set(reading.thread, reading);
    const predictions = this.#predictions;
    if (this.#failures.length === 0 && this.#transport === undefined && predictions === undefined)
      return threads;
    const transports = this.#transport === undefined ? [] : [this.#transport];
    const lost = { thread: 'lost', failures: this.#failures, transports, runtime: undefined };
    return [...threads, predictions === undefined ? lost : { ...lost, predictions }];
  }

  /** The thread of that name has ended; another may take its name. */
  lose(thread: string): void {
    const reading = this.#read.get(thread);
    if (reading === undefined) return;
    this.#read.delete(thread);
    this.#failures = sumFailures(this.#failures, reading.failures);
    this.#predictions = sumPredictions(this.#predictions, lostPredictions(reading.predictions));
    for (const counts of reading.transports) {
      const ended = { ...counts, connectionsClosed: counts.connectionsOpened, heldBytes: 0 };
      this.#transport = this.#transport === undefined ? ended : sumTransports(this.#transport, ended);
    }
  }
}

function sumFailures(a: readonly FailureCount[], b: readonly FailureCount[]): readonly FailureCount[] {
  const sums = new Map<string, FailureCount>();
  for (const failure of [...a, ...b]) {
    const key = `${failure.front} ${failure.code} ${failure.reason}`;
    sums.set(key, { ...failure, count: failure.count + (sums.get(key)?.count ?? 0) });
  }
  return [...sums.values()];
}

function sumTransports(a: TransportCounts, b: TransportCounts): TransportCounts {
  const limitHits = { ...a.limitHits };
  for (const [limit, hits] of Object.entries(b.limitHits)) limitHits[limit] = hits + (limitHits[limit] ?? 0);
  return {
    connectionsOpened: a.connectionsOpened + b.connectionsOpened,
    connectionsClosed: a.connectionsClosed + b.connectionsClosed,
    streamsOpened: a.streamsOpened + b.streamsOpened,
    streamsReset: a.streamsReset + b.streamsReset,
    connectionErrors: a.connectionErrors + b.connectionErrors,
    heldBytes: a.heldBytes + b.heldBytes,
    limitHits,
  };
}
