import { ConnectionError } from './connection-error.ts';
import type { H2Counters } from './counters.ts';
import type { FloodName, H2Limits } from './limits.ts';
import { errorCode } from './protocol.ts';

/** DATA frames that a peer receives entitle it to this many PINGs each: grpc-go measures the link with one per round trip. */
const pingsPerDataFrame = 2;

/**
 * And to this many WINDOW_UPDATEs: every client returns window, and grpc-core sends three for each message of a stream that
 * it reads, for the message, for its prefix and for the connection.
 */
const windowUpdatesPerDataFrame = 8;

/**
 * Requests entitle their peer to this many WINDOW_UPDATEs each, whatever comes back: grpc-core sends one or two for every
 * call, before there is an answer.
 */
const windowUpdatesPerStream = 4;

/**
 * Counts frames that cost us work and carry no request. Above its limit in one window the connection ends with
 * ENHANCE_YOUR_CALM (RFC 9113, section 10.5).
 */
export class FloodGuard {
  readonly #limits: H2Limits;
  readonly #counters: H2Counters;
  readonly #counts: Record<FloodName, number>;
  #dataFrames = 0;
  #opened = 0;
  #answered = 0;
  #startedAt: number;

  constructor(limits: H2Limits, counters: H2Counters, now: number) {
    this.#limits = limits;
    this.#counters = counters;
    this.#startedAt = now;
    this.#counts = {
      resets: 0,
      provokedResets: 0,
      pings: 0,
      settings: 0,
      priorities: 0,
      emptyData: 0,
      windowUpdates: 0,
      unknownFrames: 0,
    };
  }

  /** We sent the peer a DATA frame. */
  noteData(): void {
    this.#dataFrames += 1;
  }

  /** The peer opened a stream. */
  noteOpened(): void {
    this.#opened += 1;
  }

  /** A stream got its whole answer. */
  noteAnswered(): void {
    this.#answered += 1;
  }

  /** @throws ConnectionError when this frame is one too many. */
  spend(name: FloodName, now: number): void {
    if (now - this.#startedAt >= this.#limits.floodWindowMs) this.#restart(now);
    const count = ++this.#counts[name];
    const limit = this.#limits.floods[name];
    if (count <= limit) return;
    if (count <= limit + this.#allowance(name)) return;
    this.#counters.limitHits[name]++;
    throw new ConnectionError(errorCode.enhanceYourCalm, `too many ${name}`, name);
  }

  /** What the traffic of this window explains. */
  #allowance(name: FloodName): number {
    if (name === 'pings') return pingsPerDataFrame * this.#dataFrames;
    if (name === 'windowUpdates')
      return windowUpdatesPerDataFrame * this.#dataFrames + windowUpdatesPerStream * this.#opened;
    // RST_STREAM may cross the answer on its way: deadlines pass on both sides at the same time.
    if (name === 'unknownFrames') return this.#opened;
    // Clients that hedge cancel every second request; what a rapid reset costs is work for nothing.
    return name === 'resets' ? this.#answered : 0;
  }

  #restart(now: number): void {
    this.#startedAt = now;
    this.#dataFrames = 0;
    this.#opened = 0;
    this.#answered = 0;
    const counts = this.#counts;
    counts.resets = 0;
    counts.provokedResets = 0;
    counts.pings = 0;
    counts.settings = 0;
    counts.priorities = 0;
    counts.emptyData = 0;
    counts.windowUpdates = 0;
    counts.unknownFrames = 0;
  }
}
