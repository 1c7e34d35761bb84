import type { CallContext } from '../../inference/call-context.ts';
import type { InferRequest } from '../../inference/request.ts';
import type { InferResponse } from '../../inference/response.ts';
import type { Target } from '../../inference/target.ts';
import type { Tensor } from '../../inference/tensor.ts';
import type { Clock } from '../../util/clock.ts';
import type { ModelPlan } from './plan.ts';
import type { PredictionLog } from './prediction-log.ts';

type Submit = (target: Target, request: InferRequest, call: CallContext) => Promise<InferResponse>;

/** The same, with answers offered to the log: those before the last of a decoupled model, and the last. */
export function logPredictions(submit: Submit, log: PredictionLog, clock: Clock): Submit {
  return (target, request, call) => {
    const plan = log.choose(target.spec.name);
    if (plan === undefined) return submit(target, request, call);
    const offer = (response: InferResponse): void => {
      if (response.outputs.length > 0)
        log.offer(answeredOf({ plan, target, request, call, response }, clock));
    };
    const take = call.takeAnswer;
    if (take !== undefined) {
      call.takeAnswer = (response) => {
        offer(response);
        return take(response);
      };
    }
    const answer = submit(target, request, call);
    // Who waits for the answer hears of a failure.
    answer.then(offer, () => undefined);
    return answer;
  };
}

interface Answer {
  readonly plan: ModelPlan;
  readonly target: Target;
  readonly request: InferRequest;
  readonly call: CallContext;
  readonly response: InferResponse;
}

function answeredOf({ plan, target, request, call, response }: Answer, clock: Clock) {
  return {
    plan,
    spec: target.spec,
    request,
    response,
    epochMs: clock.epochMs(),
    latencyMs: clock.now() - call.receivedAt,
    front: call.front,
    experiment: call.experiment,
    arm: call.arm,
    sizeBytes: sizeOf(request.inputs) + sizeOf(response.outputs),
  };
}

function sizeOf(tensors: readonly Tensor[]): number {
  let sizeBytes = 0;
  for (const { data } of tensors) sizeBytes += data.length;
  return sizeBytes;
}
