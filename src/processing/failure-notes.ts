import type { ServingError } from '../errors.ts';
import type { Logger } from '../inference/logger.ts';
import type { Target } from '../inference/target.ts';
import type { Clock } from '../util/clock.ts';

const quietMs = 1000;

/** Tells why hooks failed, at most once a second for each model: who can provoke a failure must not be able to fill the log. */
export class FailureNotes {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #notes = new WeakMap<Target, { toldAt: number; suppressed: number }>();

  constructor({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Only what the module failed in; the model and its queue have logs of their own. */
  add(target: Target, { code, reason, message, cause }: ServingError): void {
    if (code !== 'internal' || reason?.startsWith('PROCESSING_') !== true) return;
    const now = this.#clock.now();
    const note = this.#notes.get(target) ?? { toldAt: -Infinity, suppressed: 0 };
    this.#notes.set(target, note);
    if (now - note.toldAt < quietMs) {
      note.suppressed += 1;
      return;
    }
    const { name: model, version } = target.spec;
    const text = cause instanceof Error ? cause.message : cause;
    this.#logger.error({ model, version, reason, cause: text, suppressed: note.suppressed }, message);
    note.toldAt = now;
    note.suppressed = 0;
  }
}
