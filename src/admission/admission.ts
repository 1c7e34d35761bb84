import type { CallContext } from '../inference/call-context.ts';
import type { InferRequest } from '../inference/request.ts';
import type { SharedTensors } from '../inference/shared-memory.ts';
import type { Target } from '../inference/target.ts';

/** The door: everything that can refuse a request before it costs anything. */
export interface Admission {
  /**
   * Checks scope, byte budget and every claim the request makes against the model, before any allocation.
   * What it counts is released when the call is finished.
   *
   * @param shared where tensors stand that are not in the request; inputs are read once there is room for them.
   * @returns the request as the batcher may rely on it (outputs resolved, inputs in the model's order).
   * @throws ServingError with the protocol's text; see docs/errors.md.
   */
  admit(target: Target, request: InferRequest, call: CallContext, shared?: SharedTensors): InferRequest;
}
