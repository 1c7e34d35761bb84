import type { Admission } from './admission/admission.ts';
import type { Batcher } from './batching/batcher.ts';
import { asksForClasses, classify } from './classification/classify.ts';
import { ServingError } from './errors.ts';
import type { CallContext } from './inference/call-context.ts';
import type { Front } from './inference/front.ts';
import type { Infer } from './inference/infer.ts';
import type { InferRequest } from './inference/request.ts';
import type { InferResponse } from './inference/response.ts';
import { requireSharedMemory } from './inference/shared-memory-rules.ts';
import type { SharedMemory } from './inference/shared-memory.ts';
import type { Router, Target } from './inference/target.ts';
import type { Experiments } from './routing/experiments.ts';

export interface Stages {
  readonly router: Router;
  /** Of models whose traffic is divided. */
  readonly experiments: Pick<Experiments, 'size' | 'get'>;
  readonly admission: Admission;
  /** undefined refuses requests with tensors in shared memory. */
  readonly sharedMemory: SharedMemory | undefined;
  readonly batcher: Pick<Batcher, 'submit'>;
  /** Told of every request that leaves without an answer. */
  readonly onFailure: (front: Front, error: unknown, call?: CallContext) => void;
}

/**
 * The way of a request. docs/architecture.md shows the same steps with the failure exit of each.
 *
 * 1. route: which version of which model answers; 2. admit: may this caller, and does the request fit the model;
 * the permit counts its bytes until the reply is written; 3. submit: wait for company, execute, split; 4. classify, for
 * the few requests that want classes instead of scores. Where a model's traffic is divided, its experiment routes, and sees
 * what the other steps made of the request.
 */
export function createPipeline(stages: Stages): Infer {
  const { router, experiments, sharedMemory, admission, batcher, onFailure } = stages;
  const { routeOnDemand } = router;
  const submit = (target: Target, request: InferRequest, call: CallContext): Promise<InferResponse> => {
    const { monitor } = target;
    const look = monitor?.choose(request, call.receivedAt);
    if (monitor === undefined || look === undefined) return batcher.submit(target, request, call);
    return batcher.submit(target, request, call).then((response) => {
      monitor.watch(look, request, response, call);
      return response;
    });
  };
  const answer = (target: Target, request: InferRequest, call: CallContext): Promise<InferResponse> => {
    const shared = request.shared && requireSharedMemory(sharedMemory).hold(request.shared, call);
    const admitted = admission.admit(target, request, call, shared);
    const classes = asksForClasses(admitted);
    if (shared === undefined && !classes) return submit(target, admitted, call);
    const finish = (done: InferResponse): InferResponse => {
      const response = classes ? classify(target.spec, admitted, done) : done;
      return shared === undefined ? response : shared.writeOutputs(response);
    };
    const take = call.takeAnswer;
    call.takeAnswer = take && ((part) => take(finish(part)));
    return submit(target, admitted, call).then(finish);
  };
  return async (request, call) => {
    try {
      if (experiments.size > 0 && request.version === '') {
        const experiment = experiments.get(request.model);
        // Who takes part asks for the model as well as everybody else: it is loaded, and not unloaded for another.
        if (experiment !== undefined && routeOnDemand !== undefined) {
          await routeOnDemand(request.model, '', call);
        }
        const answered = experiment?.serve(request, call, answer);
        if (answered !== undefined) return await answered;
      }
      const target =
        routeOnDemand === undefined
          ? router.route(request.model, request.version)
          : await routeOnDemand(request.model, request.version, call);
      if (target.spec.fallsBack === true && request.version === '') {
        return await answerOrFallBack({
          target,
          others: () => router.besides(target),
          answer,
          request,
          call,
        });
      }
      return await answer(target, request, call);
    } catch (error) {
      onFailure(call.front, error, call);
      throw error;
    }
  };
}

interface FallBack {
  readonly target: Target;
  readonly others: () => readonly Target[];
  readonly answer: (target: Target, request: InferRequest, call: CallContext) => Promise<InferResponse>;
  readonly request: InferRequest;
  readonly call: CallContext;
}

/** A version that is out of service refuses at once, with nothing of the request run: another may answer it. */
async function answerOrFallBack({ target, others, answer, request, call }: FallBack): Promise<InferResponse> {
  const { takeAnswer } = call;
  try {
    return await answer(target, request, call);
  } catch (refusal) {
    if (ServingError.from(refusal).reason !== 'MODEL_BREAKER_OPEN') throw refusal;
    for (const other of others()) {
      call.takeAnswer = takeAnswer;
      try {
        return await answer(other, request, call);
      } catch (thrown) {
        if (ServingError.from(thrown).reason !== 'MODEL_BREAKER_OPEN') throw thrown;
      }
    }
    throw refusal;
  }
}
