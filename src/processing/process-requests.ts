import { ServingError, type ErrorCode } from '../errors.ts';
import type { CallContext } from '../inference/call-context.ts';
import type { Logger } from '../inference/logger.ts';
import { noParameters, type InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { FailureReason } from '../inference/statistics.ts';
import type { Target, TargetProcessing } from '../inference/target.ts';
import type { Tensor } from '../inference/tensor.ts';
import type { Clock } from '../util/clock.ts';
import { FailureNotes } from './failure-notes.ts';
import { pickOutputs } from './pick-outputs.ts';
import { budgetError, closed, failed } from './refusals.ts';

type Submit = (target: Target, request: InferRequest, call: CallContext) => Promise<InferResponse>;

export interface ProcessRequestsOptions {
  readonly submit: Submit;
  /** Checks a request against its model and puts its inputs in order, as admission does with those of clients. */
  readonly validate: (target: Target, request: InferRequest, call: CallContext) => InferRequest;
  /** Bytes that the process holds for requests; admission's budget. */
  readonly budget: {
    take(sizeBytes: number): boolean;
    release(sizeBytes: number): void;
    couldHold(sizeBytes: number): boolean;
  };
  /** Whoever closes a target waits for these. */
  readonly holds: { hold(target: Target): void; release(target: Target): void };
  readonly clock: Clock;
  readonly logger: Logger;
}

/** @returns what to submit to instead: requests of models with a module pass it before and after, all else goes on as it is. */
export function processRequests(options: ProcessRequestsOptions): Submit {
  const { submit, holds, clock } = options;
  const notes = new FailureNotes(options);
  return (target, request, call) => {
    if (target.processing === undefined) return submit(target, request, call);
    holds.hold(target);
    return process(target, target.processing, { request, call }, options)
      .then(
        (response) => {
          target.statistics.recordSuccess(clock.now() - call.receivedAt, call.front);
          return response;
        },
        (thrown: unknown) => {
          const error = ServingError.from(thrown);
          notes.add(target, error);
          const reason = failureReasons[error.code] ?? 'OTHER';
          target.statistics.recordFailure(clock.now() - call.receivedAt, reason, call.front);
          throw error;
        },
      )
      .finally(() => holds.release(target));
  };
}

const failureReasons: Partial<Record<ErrorCode, FailureReason>> = {
  resource_exhausted: 'REJECTED',
  unavailable: 'REJECTED',
  cancelled: 'CANCELED',
  deadline_exceeded: 'CANCELED',
  internal: 'BACKEND',
};

interface Asked {
  readonly request: InferRequest;
  readonly call: CallContext;
}

async function process(
  { spec }: Target,
  { processor, declaration, model }: TargetProcessing,
  { request, call }: Asked,
  { submit, validate, budget }: ProcessRequestsOptions,
): Promise<InferResponse> {
  if (processor === undefined) throw closed();
  const about = { model: spec.name, version: spec.version, id: request.id, parameters: request.parameters };
  let inputs = request.inputs;
  let state: Uint8Array | undefined;
  let heldBytes = 0;
  try {
    if (declaration.preprocess) {
      const made = await processor.run({ hook: 'preprocess', request: about, tensors: inputs, state }, call);
      const sizeBytes = sizeOf(made.tensors);
      if (!budget.take(sizeBytes)) throw budgetError(sizeBytes, budget.couldHold(sizeBytes));
      heldBytes = sizeBytes;
      ({ tensors: inputs, state } = made);
    }
    const outputs = declaration.postprocess
      ? []
      : request.outputs.map(({ name }) => ({ name, parameters: noParameters }));
    const asked = { ...about, inputs, outputs };
    const valid = declaration.preprocess
      ? fitting(() => validate(model, asked, call))
      : validate(model, asked, call);
    const answer = await submit(model, valid, call);
    if (!declaration.postprocess) return answer;
    const step = { hook: 'postprocess', request: about, tensors: answer.outputs, state } as const;
    const { tensors } = await processor.run(step, call);
    return { ...answer, outputs: pickOutputs(spec, request, tensors) };
  } finally {
    if (heldBytes > 0) budget.release(heldBytes);
  }
}

function sizeOf(tensors: readonly Tensor[]): number {
  let sizeBytes = 0;
  for (const { data } of tensors) sizeBytes += data.byteLength;
  return sizeBytes;
}

/** What the module made and the model does not take is the module's mistake, not the client's. */
function fitting(validate: () => InferRequest): InferRequest {
  try {
    return validate();
  } catch (error) {
    throw failed('preprocess', ServingError.from(error).message);
  }
}
