import type { CallContext } from '../inference/call-context.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Target } from '../inference/target.ts';

/**
 * The only queue of the server. It owns a submitted request until it answers; a request whose caller has gone is
 * dropped before execution. Requests have been validated against `target.spec`.
 */
export interface Batcher {
  /** @throws (rejects with) resource_exhausted or unavailable when refused, cancelled when nobody waits any more, or what the executor failed with. */
  submit(target: Target, request: InferRequest, call: CallContext): Promise<InferResponse>;
  /** Resolves once nothing of `target` waits or runs. New submissions are still taken: take it out of routing first. */
  drained(target: Target): Promise<void>;
}
