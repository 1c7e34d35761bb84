import { CallContext } from '../inference/call-context.ts';
import type { Infer } from '../inference/infer.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Clock } from '../util/clock.ts';
import type { ForwardedRequest } from './messages.ts';

/** Requests that came to the main thread without a transport, as calls of this one. */
export class ForwardedCalls {
  readonly #clock: Clock;
  readonly #running = new Map<number, CallContext>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async run(infer: Infer, asked: ForwardedRequest): Promise<InferResponse> {
    const { number, request, principal, remainingMs, sizeBytes, streaming } = asked;
    const now = this.#clock.now();
    const call = new CallContext(now, now + remainingMs, principal, sizeBytes);
    call.streaming = streaming;
    this.#running.set(number, call);
    try {
      return await infer(request, call);
    } finally {
      this.#running.delete(number);
      call.finish();
    }
  }

  /** Nobody waits for it any more; it may have been answered already. */
  cancel(number: number): void {
    this.#running.get(number)?.cancel();
  }
}
