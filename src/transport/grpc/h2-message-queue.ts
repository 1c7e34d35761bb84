import type { ServingError } from '../../errors.ts';

interface Waiting {
  readonly resolve: (result: IteratorResult<Buffer, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

interface Queued {
  readonly message: Buffer;
  readonly isCompressed: boolean;
}

const done: IteratorResult<Buffer, undefined> = { done: true, value: undefined };

/**
 * Messages of one call on their way to its handler, in order; read by one consumer, one at a time. Bounded by the
 * stream's receive window, which is only given back when the queue has been emptied.
 */
export class MessageQueue implements AsyncIterableIterator<Buffer, undefined> {
  readonly #open: (message: Buffer, isCompressed: boolean) => Promise<Buffer>;
  readonly #onEmpty: () => void;
  readonly #queued: Queued[] = [];
  #waiting: Waiting | undefined = undefined;
  #ended = false;
  #error: ServingError | undefined = undefined;
  #discarding = false;

  /** `open` turns a message as received into what the handler gets; `onEmpty` says that the last one was taken. */
  constructor(open: (message: Buffer, isCompressed: boolean) => Promise<Buffer>, onEmpty: () => void) {
    this.#open = open;
    this.#onEmpty = onEmpty;
  }

  get isEmpty(): boolean {
    return this.#queued.length === 0;
  }

  push(message: Buffer, isCompressed: boolean): void {
    if (this.#discarding) return;
    this.#queued.push({ message, isCompressed });
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    this.#take().then(waiting.resolve, waiting.reject);
  }

  /** No more messages will come. */
  end(): void {
    this.#ended = true;
    this.#waiting?.resolve(done);
    this.#waiting = undefined;
  }

  /** The consumer gets this error at its next step, whatever was queued. */
  fail(error: ServingError): void {
    this.#error ??= error;
    this.#queued.length = 0;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }

  /** Nobody reads any more; what comes is dropped. */
  discard(): void {
    this.#discarding = true;
    this.#queued.length = 0;
    this.#onEmpty();
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#error !== undefined) throw this.#error;
    if (this.#queued.length > 0) return this.#take();
    if (this.#ended || this.#discarding) return done;
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  async return(): Promise<IteratorResult<Buffer, undefined>> {
    this.discard();
    return done;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #take(): Promise<IteratorResult<Buffer, undefined>> {
    const queued = this.#queued.shift();
    if (queued === undefined) return done;
    const value = await this.#open(queued.message, queued.isCompressed);
    if (this.#queued.length === 0) this.#onEmpty();
    return { done: false, value };
  }
}
