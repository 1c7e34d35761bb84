import type { Admission } from './admission/admission.ts';
import type { Batcher } from './batching/batcher.ts';
import { asksForClasses, classify } from './classification/classify.ts';
import type { Front } from './inference/front.ts';
import type { Infer } from './inference/infer.ts';
import type { InferResponse } from './inference/response.ts';
import { requireSharedMemory } from './inference/shared-memory-rules.ts';
import type { SharedMemory } from './inference/shared-memory.ts';
import type { Router } from './inference/target.ts';

export interface Stages {
  readonly router: Router;
  readonly admission: Admission;
  /** undefined refuses requests with tensors in shared memory. */
  readonly sharedMemory: SharedMemory | undefined;
  readonly batcher: Pick<Batcher, 'submit'>;
  /** Told of every request that leaves without an answer. */
  readonly onFailure: (front: Front, error: unknown) => void;
}

/**
 * The way of a request. docs/architecture.md shows the same steps with the failure exit of each.
 *
 * 1. route: which version of which model answers; 2. admit: may this caller, and does the request fit the model;
 * the permit counts its bytes until the reply is written; 3. submit: wait for company, execute, split; 4. classify, for
 * the few requests that want classes instead of scores.
 */
export function createPipeline({ router, sharedMemory, admission, batcher, onFailure }: Stages): Infer {
  return async (request, call) => {
    try {
      const target = router.route(request.model, request.version);
      const shared = request.shared && requireSharedMemory(sharedMemory).hold(request.shared, call);
      const admitted = admission.admit(target, request, call, shared);
      const classes = asksForClasses(admitted);
      if (shared === undefined && !classes) return await batcher.submit(target, admitted, call);
      const finish = (answer: InferResponse): InferResponse => {
        const response = classes ? classify(target.spec, admitted, answer) : answer;
        return shared === undefined ? response : shared.writeOutputs(response);
      };
      const take = call.takeAnswer;
      call.takeAnswer = take && ((answer) => take(finish(answer)));
      return finish(await batcher.submit(target, admitted, call));
    } catch (error) {
      onFailure(call.front, error);
      throw error;
    }
  };
}
