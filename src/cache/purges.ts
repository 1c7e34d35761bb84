import { ServingError } from '../errors.ts';
import type { Clock } from '../util/clock.ts';
import { TimeLimits } from '../util/time-limits.ts';
import type { ByteStore } from './byte-store.ts';

/** How often others' purges are looked for: the longest that this server gives answers from before one. */
const lookEveryMs = 1000;

/** What the store holds is not asked for when the last look is older: it may have been purged since. */
const knownForMs = 3 * lookEveryMs;

/** A look or a purge that takes longer has failed. */
const limitMs = 2000;

/** A sorted set with more members, or with longer ones, was not written by servers like this one. */
const mostModels = 10_000;

export interface PurgesOptions {
  readonly store: ByteStore;
  readonly clock: Clock;
  /** Begins the name that they are kept under. */
  readonly prefix: string;
  /** Told of each model that was purged here or elsewhere; '' stands for all. */
  readonly onPurged: (model: string) => void;
}

/**
 * When the answers of models were purged last, by all servers together: a number for each model, and one for all under ''.
 * Numbers only grow, in each server and in the store, so that neither a flushed nor a failed over store brings back what
 * was purged.
 */
export class Purges implements Disposable {
  readonly #options: PurgesOptions;
  readonly #name: string;
  readonly #at = new Map<string, number>();
  /** When the last look began that succeeded. */
  #knownAt = -Infinity;
  readonly #limits: TimeLimits;
  #timer: Disposable | undefined = undefined;
  #closed = false;

  constructor(options: PurgesOptions) {
    this.#options = options;
    this.#limits = new TimeLimits(options.clock);
    this.#name = `${options.prefix}:purges`;
    options.store.onReady(() => void this.#look());
    this.#lookLater();
  }

  /** Whether all purges are known, but for the last seconds. */
  get known(): boolean {
    return this.#options.clock.now() - this.#knownAt < knownForMs;
  }

  /** Stands for the answers of a model since they were purged last; '' while they never were. */
  era(model: string): string {
    const all = this.#at.get('') ?? 0;
    const own = this.#at.get(model) ?? 0;
    return all === 0 && own === 0 ? '' : `${all}.${own}:`;
  }

  /**
   * @param model '' for all.
   * @param at The same in all threads of a server.
   * @throws (rejects with) unavailable CACHE_PURGE_NOT_SHARED when others cannot be told; here it is done all the same.
   */
  async purge(model: string, at: number): Promise<void> {
    const own = Math.max(at, (this.#at.get(model) ?? 0) + 1);
    this.#raise(model, own);
    const { store } = this.#options;
    const told = store.ready && (await this.#within(store.raise(this.#name, model, own)));
    if (told === true) return;
    throw new ServingError(
      'unavailable',
      'purged here, but the shared cache does not take it now: other servers go on with their answers until it does',
      { reason: 'CACHE_PURGE_NOT_SHARED', retryAfterMs: lookEveryMs },
    );
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#limits[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
  }

  #lookLater(): void {
    if (this.#closed) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#options.clock.after(lookEveryMs, () => void this.#look());
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const { store, clock } = this.#options;
    this.#lookLater();
    if (!store.ready || this.#closed) return;
    const startedAt = clock.now();
    const found = await this.#within(store.scores(this.#name, mostModels));
    if (typeof found !== 'object' || this.#closed) return;
    for (const [model, at] of found) {
      if (Number.isSafeInteger(at) && at > (this.#at.get(model) ?? 0)) this.#raise(model, at);
    }
    this.#knownAt = Math.max(this.#knownAt, startedAt);
    // What it has lost it is told again.
    for (const [model, at] of this.#at) {
      if (at > (found.get(model) ?? 0)) void this.#within(store.raise(this.#name, model, at));
    }
  }

  #raise(model: string, at: number): void {
    this.#at.set(model, at);
    this.#options.onPurged(model);
  }

  /** undefined when it failed or takes too long. */
  async #within<T>(answer: Promise<T>): Promise<T | undefined> {
    const given = await this.#limits.within(
      answer.catch(() => undefined),
      limitMs,
    );
    return given === 'timeout' ? undefined : given;
  }
}
