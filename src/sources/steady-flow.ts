import type { Readable } from 'node:stream';
import type { Clock } from '../util/clock.ts';
import { sourceUnreachable } from './refusals.ts';

/** Long enough for a store that wakes up, short enough that a trickle is not waited for all day. */
const windowMs = 30_000;

/** 8 KiB a second: a model of 100 MB in three and a half hours at worst. */
const leastBytes = 256 * 1024;

/** Ends a stream that sends nothing, or next to nothing. Disposed when the stream has ended. */
export class SteadyFlow implements Disposable {
  readonly #clock: Clock;
  readonly #stream: Readable;
  #bytes = 0;
  #timer: Disposable;

  constructor(stream: Readable, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
    this.#timer = this.#next();
  }

  count(bytes: number): void {
    this.#bytes += bytes;
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }

  #next(): Disposable {
    return this.#clock.after(windowMs, () => {
      if (this.#bytes < leastBytes) {
        const problem = `only ${this.#bytes} bytes came in ${windowMs / 1000} s`;
        this.#stream.destroy(sourceUnreachable(problem));
        return;
      }
      this.#bytes = 0;
      this.#timer = this.#next();
    });
  }
}
