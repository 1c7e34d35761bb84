import { ServingError } from '../errors.ts';
import type { CallContext } from '../inference/call-context.ts';
import type { InferRequest } from '../inference/request.ts';
import type { SharedTensors } from '../inference/shared-memory.ts';
import type { Clock } from '../util/clock.ts';
import type { Admission } from './admission.ts';
import type { ByteBudget } from './byte-budget.ts';
import { validateRequest } from './validate.ts';

/**
 * When to come back after the budget was full. A request lives some milliseconds, so room comes back soon; much sooner
 * would only make the crowd at the door denser.
 */
const retryAfterMs = 100;

export interface AdmissionOptions {
  readonly budget: ByteBudget;
  readonly clock: Clock;
}

/** Scope first, then the byte budget, then the claims of the request: the cheapest refusal comes first. */
export function createAdmission({ budget, clock }: AdmissionOptions): Admission {
  return {
    admit(target, request, call, shared) {
      if (!call.principal.scopes.has('infer')) throw scopeMissing();
      const sizeBytes = heldBytes(request, call) + (shared?.inputBytes ?? 0);
      if (!budget.take(sizeBytes)) {
        target.statistics.recordFailure(clock.now() - call.receivedAt, 'REJECTED', call.front);
        throw budgetExceeded(budget, sizeBytes);
      }
      call.onFinished(() => budget.release(sizeBytes));
      const whole = shared === undefined ? request : withInputs(request, shared);
      const admitted = validateRequest(target, whole, call);
      call.decoupled = target.spec.decoupled;
      return admitted;
    },
  };
}

function withInputs(request: InferRequest, shared: SharedTensors): InferRequest {
  return { ...request, inputs: shared.readInputs(request.inputs) };
}

/** The larger of what arrived and what it was decoded into: nearly always tensors are views of what arrived. */
function heldBytes({ inputs }: InferRequest, call: CallContext): number {
  let sizeBytes = 0;
  for (let i = 0; i < inputs.length; i++) sizeBytes += inputs[i]?.data.byteLength ?? 0;
  return Math.max(sizeBytes, call.sizeBytes);
}

function scopeMissing(): ServingError {
  return new ServingError('permission_denied', "inference needs the scope 'infer'", {
    reason: 'SCOPE_MISSING',
  });
}

function budgetExceeded(budget: ByteBudget, sizeBytes: number): ServingError {
  if (!budget.couldHold(sizeBytes)) {
    return new ServingError(
      'resource_exhausted',
      `the request takes ${sizeBytes} bytes, which exceeds the maximum allowed of ${budget.limitBytes} (--byte-budget)`,
      { reason: 'BYTE_BUDGET_EXCEEDED' },
    );
  }
  return new ServingError('resource_exhausted', 'overloaded: the server holds too many bytes of requests', {
    reason: 'BYTE_BUDGET_EXCEEDED',
    retryAfterMs,
  });
}
