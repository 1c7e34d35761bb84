import type { CallContext } from '../inference/call-context.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { SequencePlan } from '../inference/sequence.ts';
import type { Target } from '../inference/target.ts';
import { IterativeModel } from './iterative-model.ts';
import { SequenceModel, type SequenceTools } from './sequence-model.ts';

/** Who executes requests that need not know of each other, and knows when a target is at rest. */
interface Submitter {
  submit(target: Target, request: InferRequest, call: CallContext): Promise<InferResponse>;
  drained(target: Target): Promise<void>;
}

/** @returns what to submit to instead: requests of sequences take turns and carry their state, all else goes on as it is. */
export function batchSequences<B extends Submitter>(
  batcher: B,
  tools: Omit<SequenceTools, 'submit'>,
): Omit<B, keyof Submitter> & Submitter {
  const models = new Map<SequencePlan, SequenceModel | IterativeModel>();
  const submit: SequenceTools['submit'] = (target, request, call) => batcher.submit(target, request, call);
  return {
    ...batcher,
    submit(target, request, call) {
      const plan = target.sequences;
      if (plan === undefined) return batcher.submit(target, request, call);
      let model = models.get(plan);
      if (model === undefined) {
        const { iteration } = plan;
        model =
          iteration === undefined
            ? new SequenceModel(target, plan, { ...tools, submit })
            : new IterativeModel(target, { ...plan, iteration }, { ...tools, submit });
        models.set(plan, model);
      }
      return model.submit(request, call);
    },
    async drained(target) {
      const plan = target.sequences;
      if (plan === undefined) return batcher.drained(target);
      await models.get(plan)?.drained();
      models.delete(plan);
      return batcher.drained(plan.model);
    },
  };
}
