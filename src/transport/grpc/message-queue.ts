/** Lets the sender of messages rest while the queue is full. */
export interface MessageFlow {
  pause(): void;
  resume(): void;
}

/** Messages that may wait before the sender is paused. */
const pauseAt = 16;

/**
 * Messages received on a stream, for one reader. Bounded by pausing their sender. Once failed, the reader gets the
 * error at its next turn, before what still waits; leaving the loop early drops the rest.
 */
export class MessageQueue implements AsyncIterable<Buffer>, AsyncIterator<Buffer, undefined> {
  readonly #flow: MessageFlow;
  #waiting: Buffer[] = [];
  #reader: PromiseWithResolvers<IteratorResult<Buffer, undefined>> | undefined = undefined;
  #failure: Error | undefined = undefined;
  #ended = false;

  constructor(flow: MessageFlow) {
    this.#flow = flow;
  }

  push(message: Buffer): void {
    if (this.#ended) return;
    if (this.#reader !== undefined) {
      this.#reader.resolve({ done: false, value: message });
      this.#reader = undefined;
      return;
    }
    if (this.#waiting.push(message) >= pauseAt) this.#flow.pause();
  }

  /** The sender is done. */
  end(): void {
    this.#ended = true;
    this.#reader?.resolve({ done: true, value: undefined });
    this.#reader = undefined;
  }

  fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#ended = true;
    this.#waiting = [];
    this.#reader?.reject(error);
    this.#reader = undefined;
  }

  next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const message = this.#waiting.shift();
    if (message !== undefined) {
      if (this.#waiting.length === 0) this.#flow.resume();
      return Promise.resolve({ done: false, value: message });
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    this.#reader = Promise.withResolvers();
    return this.#reader.promise;
  }

  return(): Promise<IteratorResult<Buffer, undefined>> {
    this.#waiting = [];
    this.end();
    this.#flow.resume();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
