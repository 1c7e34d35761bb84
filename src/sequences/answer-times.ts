import type { ServingError } from '../errors.ts';
import type { ResponseEnding, StatisticsRecorder } from '../inference/statistics.ts';
import type { Clock } from '../util/clock.ts';

/** Counts the answers of one request that has several: what each took, from the one before it. */
export class AnswerTimes {
  readonly #statistics: StatisticsRecorder;
  readonly #clock: Clock;
  #index = 0;
  #sinceMs: number;
  /** When the answer was computed; undefined until then. */
  #computedMs: number | undefined = undefined;

  constructor(statistics: StatisticsRecorder, clock: Clock) {
    this.#statistics = statistics;
    this.#clock = clock;
    this.#sinceMs = clock.now();
  }

  computed(): void {
    this.#computedMs = this.#clock.now();
  }

  /** The answer has gone where its reader takes it, or there is none. */
  ended(ending: ResponseEnding): void {
    const nowMs = this.#clock.now();
    const computedMs = this.#computedMs ?? nowMs;
    this.#statistics.recordResponse(this.#index, ending, {
      inferMs: computedMs - this.#sinceMs,
      outputMs: nowMs - computedMs,
    });
    this.#index += 1;
    this.#sinceMs = nowMs;
    this.#computedMs = undefined;
  }

  failed({ code }: ServingError): void {
    this.ended(code === 'cancelled' ? 'cancel' : 'fail');
  }
}
