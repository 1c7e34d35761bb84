import { Breaker } from '../util/breaker.ts';
import type { BreakerLimits, BreakerOutcome, BreakerState } from '../util/breaker-policy.ts';
import type { Clock } from '../util/clock.ts';
import type { BreakerReading, BreakerStateName } from './breaker.ts';
import type { Logger } from './logger.ts';

/** What sends what this server tells to others: spans, records of predictions by where they go, and events of quality. */
export type ExporterName = 'traces' | 'prediction_log_redis' | 'prediction_log_otlp' | 'webhook';

/** What can be told of the breaker of one exporter. */
export interface ExporterReading extends Omit<BreakerReading, 'hungRuns'> {
  readonly exporter: ExporterName;
}

/**
 * Three failures say enough of something that is tried some times a minute; two minutes hold some tries that take the ten
 * seconds of OTLP's time limit each.
 */
const exporterBreakerLimits: BreakerLimits = {
  windowMs: 120_000,
  windowOutcomes: 10,
  fewestOutcomes: 3,
  failureRatio: 0.5,
  fatalFailures: Infinity,
  openMs: 5_000,
  longestOpenMs: 60_000,
};

const stateNames = { closed: 'closed', 'half-open': 'half_open', open: 'open' } as const satisfies Record<
  BreakerState['kind'],
  BreakerStateName
>;

export interface ExporterBreakerOptions {
  readonly exporter: ExporterName;
  readonly clock: Clock;
  readonly logger: Logger;
  /** In [0, 1); for the jitter of open times. */
  readonly random?: () => number;
}

/** Keeps an exporter from what does not take anything: while it is open nothing is sent, or even made. */
export class ExporterBreaker implements Disposable {
  readonly #exporter: ExporterName;
  readonly #clock: Clock;
  readonly #breaker: Breaker;
  #cause = '';

  constructor({ exporter, clock, logger, random = Math.random }: ExporterBreakerOptions) {
    this.#exporter = exporter;
    this.#clock = clock;
    this.#breaker = new Breaker({
      clock,
      limits: exporterBreakerLimits,
      random,
      onChange: (state) => this.#tell(state, logger),
    });
  }

  /** Nothing may be sent now. */
  get refusing(): boolean {
    return this.#breaker.refusing;
  }

  /** Something is sent. @returns what `end` wants to know of it. */
  begin(): number {
    return this.#breaker.begin();
  }

  /** It has been taken, or not; `neutral` where the receiver works and did not want it. */
  end(begun: number, outcome: Exclude<BreakerOutcome, 'fatal'>): void {
    this.#breaker.end(begun, outcome);
  }

  /** When it is worth to try again, at least a millisecond. */
  retryAfterMs(): number {
    return this.#breaker.retryAfterMs();
  }

  read(): ExporterReading {
    const { state, opened } = this.#breaker;
    const opensForMs = state.kind === 'open' ? Math.max(0, state.until - this.#clock.now()) : 0;
    return {
      exporter: this.#exporter,
      state: stateNames[state.kind],
      cause: this.#cause,
      opened,
      opensForMs,
    };
  }

  [Symbol.dispose](): void {
    this.#breaker[Symbol.dispose]();
  }

  #tell(state: BreakerState, logger: Logger): void {
    const exporter = this.#exporter;
    if (state.kind === 'open') {
      const { cause, opens } = state;
      this.#cause = cause;
      const retryMs = this.#breaker.retryAfterMs();
      logger.warn({ exporter, cause, opens, retryMs }, 'breaker open: nothing is exported for a while');
    } else if (state.kind === 'closed') {
      logger.info({ exporter }, 'breaker closed: exporting again');
    } else if (state.step === 'waiting') {
      logger.info({ exporter }, 'breaker half-open: one export is tried');
    }
  }
}

const severity = { closed: 0, half_open: 1, open: 2 } as const satisfies Record<BreakerStateName, number>;

/** Each thread has exporters of its own: of each the worst state, and how often any of them opened. */
export function mergeExporters(readings: readonly ExporterReading[]): readonly ExporterReading[] {
  const merged = new Map<ExporterName, ExporterReading>();
  for (const reading of readings) {
    const known = merged.get(reading.exporter) ?? reading;
    const worse = severity[reading.state] > severity[known.state] ? reading : known;
    const opened = known === reading ? reading.opened : known.opened + reading.opened;
    merged.set(reading.exporter, { ...worse, cause: worse.cause || known.cause || reading.cause, opened });
  }
  return [...merged.values()];
}
