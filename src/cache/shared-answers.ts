import type { SharedEvent, SharedReading } from '../inference/caching.ts';
import type { Logger } from '../inference/logger.ts';
import type { Tensor } from '../inference/tensor.ts';
import { Breaker } from '../util/breaker.ts';
import type { Clock } from '../util/clock.ts';
import { TimeLimits } from '../util/time-limits.ts';
import { HotKeys } from './hot-keys.ts';
import { Purges } from './purges.ts';
import { decodeAnswer, encodeAnswer } from './answer-codec.ts';
import type { ByteStore } from './byte-store.ts';

export interface SharedLimits {
  /** Longest time that a request waits for the store, in milliseconds. */
  readonly budgetMs: number;
  readonly ttlMs: number;
  readonly maxValueBytes: number;
  /** Begins the names of values. */
  readonly prefix: string;
}

export interface SharedAnswersOptions extends SharedLimits {
  readonly store: ByteStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Runs something when requests that are ready have been answered. */
  readonly nextTurn?: (run: () => void) => void;
}

/** Of all answers that are being written. */
const maxWritingBytes = 16 * 1024 * 1024;

/** Part of the time that a caller has left that may be spent on asking. */
const shareOfSlack = 0.1;

/** Asking is worth it where computing takes so many round trips. */
const roundTripsWorth = 3;

/** How often the connection is measured while asking does not pay, where there are requests; none of them waits for it. */
const measureEveryMs = 100;

/** Every how many requests one asks all the same: only that says what asking takes beside what else runs. Less than 1 %. */
const askEvery = 128;

/** Of so many first round trips the shortest counts: on a new connection, in code that has hardly run, most take far longer than later. */
const firstTrips = 8;
const smoothing = 0.1;

/** That it has become faster is believed sooner: a mistake costs a round trip, and not to ask is never found out to be one. */
const smoothingDown = 0.3;

/** A round trip during which something else ran must not count for more than this many usual ones. */
const outlierFactor = 4;

/** Of the answers that are asked for before anybody asks here, so many are under way at once. */
const prefetchAtOnce = 32;
const prefetchLimitMs = 2000;

/** Beyond this a write counts as lost, and makes room for others. */
const writeLimitMs = 10_000;

const breakerLimits = {
  windowMs: 10_000,
  windowOutcomes: 50,
  fewestOutcomes: 5,
  failureRatio: 0.5,
  fatalFailures: Infinity,
  openMs: 500,
  longestOpenMs: 30_000,
};

interface Write {
  readonly name: string;
  readonly sizeBytes: number;
  readonly startedAt: number;
  readonly events: SharedEvents;
}

/** Whose answers they are. */
export interface SharedModel {
  readonly name: string;
  readonly digest: string;
  readonly sharedEvents: SharedEvents;
}

/** Counts what happens to one model's answers in the store. */
export type SharedEvents = Record<SharedEvent, number>;

/**
 * Answers that several servers share. Never fails and never takes longer than its budget: whatever the store does, at worst
 * nothing is found.
 */
export class SharedAnswers implements Disposable {
  /** Told of each model whose answers were purged, here or elsewhere; '' for all. */
  onPurged: (model: string) => void = () => undefined;
  readonly #options: SharedAnswersOptions;
  readonly #breaker: Breaker;
  readonly #purges: Purges;
  readonly #hot: HotKeys;
  readonly #limits: TimeLimits;
  #roundTripMs = 0;
  #trips = 0;
  #unasked = 0;
  #measuredAt = -Infinity;
  /** Oldest first. */
  readonly #writes = new Set<Write>();
  #writingBytes = 0;

  constructor(options: SharedAnswersOptions) {
    const { clock, store, logger, budgetMs, prefix, ttlMs } = options;
    this.#options = options;
    this.#purges = new Purges({ store, clock, prefix, onPurged: (model) => this.onPurged(model) });
    this.#limits = new TimeLimits(clock);
    this.#hot = new HotKeys({ store, clock, ttlMs });
    this.#breaker = new Breaker({
      clock,
      limits: breakerLimits,
      sample: () => this.#within(store.ping(), budgetMs),
      onChange: ({ kind }) => {
        if (kind === 'open')
          logger.warn({}, 'the shared cache does not answer; it is left alone for a while');
        if (kind === 'closed') logger.info({}, 'the shared cache answers again');
      },
    });
  }

  /** Whether to ask for an answer that takes so long to compute; 0 for not known. */
  worthAsking(computeMs: number): boolean {
    if (this.#down) return false;
    if (this.#trips < firstTrips || this.#pays(computeMs)) return true;
    void this.#measure();
    this.#unasked += 1;
    return this.#unasked % askEvery === 0;
  }

  /** Whether an answer that took so long is worth writing for others. */
  worthKeeping(computeMs: number): boolean {
    return this.#pays(computeMs);
  }

  /** What is kept under the key; undefined when nothing usable came in time. Never rejects. */
  async find(key: string, slackMs: number, model: SharedModel): Promise<readonly Tensor[] | undefined> {
    const { store, clock, budgetMs } = this.#options;
    const { sharedEvents: events } = model;
    const begun = this.#breaker.begin();
    const startedAt = clock.now();
    const asked = store.get(this.#nameOf(key, model)).catch(() => 'error' as const);
    const found = await this.#limits.within(asked, Math.min(budgetMs, slackMs * shareOfSlack));
    if (found === 'error' || found === 'timeout') {
      events[found] += 1;
      this.#breaker.end(begun, 'failure');
      return undefined;
    }
    this.#breaker.end(begun, 'success');
    // What comes too late is the breaker's to judge.
    this.#tookMs(clock.now() - startedAt);
    if (found === null) return undefined;
    const outputs = decodeAnswer(key, found);
    if (outputs === undefined) events.invalid += 1;
    return outputs;
  }

  /** An answer was found in memory or here: it is one that others may want to have. */
  noteFound(key: string, model: SharedModel): void {
    this.#hot.found(key, () => this.#hotNameOf(model));
  }

  /**
   * Asks for what is found most often, wherever. Never rejects.
   *
   * @param take is given answers, and says whether it wants more.
   */
  async prefetch(
    model: SharedModel,
    take: (key: string, outputs: readonly Tensor[]) => boolean,
  ): Promise<void> {
    const { store } = this.#options;
    const keys = await this.#limits.within(
      this.#hot.hottest(this.#hotNameOf(model)).catch(() => []),
      prefetchLimitMs,
    );
    if (keys === 'timeout') return;
    for (let from = 0; from < keys.length && !this.#down; from += prefetchAtOnce) {
      const some = keys.slice(from, from + prefetchAtOnce);
      const asked = Promise.all(some.map((key) => store.get(this.#nameOf(key, model)).catch(() => null)));
      const values = await this.#limits.within(asked, prefetchLimitMs);
      if (values === 'timeout') return;
      for (const [index, key] of some.entries()) {
        const value = values[index] ?? null;
        const outputs = value === null ? undefined : decodeAnswer(key, value);
        if (outputs === undefined) continue;
        if (!take(key, outputs)) return;
        model.sharedEvents.fetched += 1;
      }
    }
  }

  /** Keeps an answer, later and if there is room for writing it. */
  offer(key: string, outputs: readonly Tensor[], model: SharedModel): void {
    const { sharedEvents: events } = model;
    const { clock, maxValueBytes, nextTurn = setImmediate } = this.#options;
    this.#giveUpLost(clock.now());
    const sizeBytes = outputs.reduce((sum, { data }) => sum + data.length, 0);
    const refused = this.#down || sizeBytes > maxValueBytes;
    if (refused || this.#writingBytes + sizeBytes > maxWritingBytes) {
      events.unwritten += 1;
      return;
    }
    const write: Write = { name: this.#nameOf(key, model), sizeBytes, startedAt: clock.now(), events };
    this.#writes.add(write);
    this.#writingBytes += sizeBytes;
    nextTurn(() => void this.#write(key, outputs, write));
  }

  /** Never rejects. */
  async #write(key: string, outputs: readonly Tensor[], write: Write): Promise<void> {
    const { store, ttlMs } = this.#options;
    try {
      await store.set(write.name, encodeAnswer(key, outputs), ttlMs);
      this.#ended(write, 'written');
    } catch {
      this.#ended(write, 'unwritten');
    }
  }

  #ended(write: Write, event: SharedEvent): void {
    if (!this.#writes.delete(write)) return;
    this.#writingBytes -= write.sizeBytes;
    write.events[event] += 1;
  }

  /** A write that never ends must not take the room of others for ever. */
  #giveUpLost(nowMs: number): void {
    for (const write of this.#writes) {
      if (write.startedAt > nowMs - writeLimitMs) return;
      this.#ended(write, 'unwritten');
    }
  }

  /** Forgets the answers of a model, or all for '', in all servers. @throws as `Purges.purge`. */
  purge(model: string, at: number): Promise<void> {
    return this.#purges.purge(model, at);
  }

  reading(computeMs: number, events: SharedEvents): SharedReading {
    return {
      offReason: this.#down ? 'unreachable' : this.#pays(computeMs) ? '' : 'does_not_pay',
      roundTripMs: this.#roundTripMs,
      events: { ...events },
    };
  }

  [Symbol.dispose](): void {
    this.#breaker[Symbol.dispose]();
    this.#purges[Symbol.dispose]();
    this.#hot[Symbol.dispose]();
    this.#limits[Symbol.dispose]();
    this.#options.store[Symbol.dispose]();
  }

  #hotNameOf({ name, digest }: SharedModel): string {
    return `${this.#options.prefix}:hot:${this.#purges.era(name)}${digest.slice(0, 32)}`;
  }

  /** Whether it can be asked at all now. */
  get usable(): boolean {
    return !this.#down;
  }

  get #down(): boolean {
    return this.#breaker.refusing || !this.#options.store.ready || !this.#purges.known;
  }

  #pays(computeMs: number): boolean {
    return computeMs === 0 || computeMs > roundTripsWorth * this.#roundTripMs;
  }

  #nameOf(key: string, { name }: SharedModel): string {
    return `${this.#options.prefix}:${this.#purges.era(name)}${Buffer.from(key, 'latin1').toString('hex')}`;
  }

  /** Never rejects. */
  async #measure(): Promise<void> {
    const { clock, store } = this.#options;
    const startedAt = clock.now();
    if (startedAt < this.#measuredAt + measureEveryMs) return;
    this.#measuredAt = startedAt;
    const answered = await this.#within(store.ping(), measureEveryMs);
    const ms = clock.now() - startedAt;
    // It may have waited for the model that computes meanwhile: that it was slow says nothing.
    if (answered && ms < this.#roundTripMs) this.#tookMs(ms);
  }

  #tookMs(ms: number): void {
    this.#trips += 1;
    const before = this.#roundTripMs;
    if (this.#trips <= firstTrips) this.#roundTripMs = this.#trips === 1 ? ms : Math.min(before, ms);
    else if (ms < before) this.#roundTripMs += smoothingDown * (ms - before);
    else this.#roundTripMs += smoothing * (Math.min(ms, outlierFactor * before) - before);
  }

  async #within(done: Promise<unknown>, limitMs: number): Promise<boolean> {
    const { clock } = this.#options;
    const startedAt = clock.now();
    const outcome = await this.#limits.within(
      done.then(
        () => 'done' as const,
        () => 'error' as const,
      ),
      limitMs,
    );
    // A process that stood still hears of what came too late before its own limit.
    return outcome === 'done' && clock.now() - startedAt <= limitMs;
  }
}
