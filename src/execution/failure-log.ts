import type { ServingError } from '../errors.ts';
import type { Logger } from '../inference/logger.ts';
import type { Clock } from '../util/clock.ts';

const quietMs = 1_000;

/**
 * Tells why batches failed, at most once a second: whoever can provoke a failure must not be able to fill the log.
 * Faults of the input are the client's business and told at level debug.
 */
export class FailureLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #model: string;
  #toldAt = -Infinity;
  #suppressed = 0;

  /** @param model how the log names the model. */
  constructor(logger: Logger, clock: Clock, model: string) {
    this.#logger = logger;
    this.#clock = clock;
    this.#model = model;
  }

  record(error: ServingError): void {
    const now = this.#clock.now();
    if (now - this.#toldAt < quietMs) {
      this.#suppressed += 1;
      return;
    }
    const cause = error.cause instanceof Error ? error.cause.message : undefined;
    const fields = { model: this.#model, code: error.code, cause, suppressed: this.#suppressed };
    if (error.code === 'invalid_argument') this.#logger.debug(fields, 'batch refused by the model');
    else this.#logger.error(fields, 'batch failed');
    this.#toldAt = now;
    this.#suppressed = 0;
  }
}
