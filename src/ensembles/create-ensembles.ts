import type { ErrorCode } from '../errors.ts';
import type { CallContext } from '../inference/call-context.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { FailureReason } from '../inference/statistics.ts';
import type { Router, Target } from '../inference/target.ts';
import { EnsembleRun, type RunTools } from './ensemble-run.ts';
import { holdAll, pin, releaseAll, type PinnedEnsemble } from './pinned.ts';
import type { TargetHolds } from './target-holds.ts';

/** Hands a request, valid for its target, to whoever executes it. */
export type Submit = (target: Target, request: InferRequest, call: CallContext) => Promise<InferResponse>;

export interface EnsemblesOptions extends Pick<RunTools, 'clock' | 'budget' | 'validate'> {
  readonly router: Router;
  /** Where steps with a model of their own go: requests of all ensembles, and of clients, meet there. */
  readonly submit: Submit;
  readonly holds: TargetHolds;
}

/** @returns what to submit to instead: ensembles are taken apart, all else goes on as it is. */
export function createEnsembles(options: EnsemblesOptions): Submit {
  const { submit, holds, router, clock } = options;
  const tools: RunTools = {
    clock,
    budget: options.budget,
    validate: options.validate,
    submit: (step, request, call) =>
      step.ensemble === undefined ? submit(step.target, request, call) : run(step.ensemble, request, call),
  };
  const run = (pinned: PinnedEnsemble, request: InferRequest, call: CallContext): Promise<InferResponse> => {
    const { promise, resolve, reject } = Promise.withResolvers<InferResponse>();
    const { spec, statistics } = pinned.target;
    holdAll(pinned, holds);
    const begun = new EnsembleRun(pinned, { request, call }, tools, {
      answered(response, { inputMs, inferMs, outputMs, shareMs }) {
        const rows = spec.maxBatchSize > 0 ? (request.inputs[0]?.shape[0] ?? 1) : 1;
        // It has no queue: what its steps waited is counted with their models.
        statistics.recordBatch(rows, 1, 0, inputMs, inferMs, outputMs);
        statistics.recordQueueWait(0);
        statistics.recordSuccess(clock.now() - call.receivedAt, call.front);
        if (call.times !== undefined) {
          call.times.inputMs += inputMs;
          call.times.inferMs += inferMs;
          call.times.outputMs += outputMs;
          call.times.shareMs += shareMs;
        }
        resolve(response);
      },
      failed(error) {
        const reason = failureReasons[error.code] ?? 'OTHER';
        statistics.recordFailure(clock.now() - call.receivedAt, reason, call.front);
        reject(error);
      },
      ended: () => releaseAll(pinned, holds),
    });
    begun.start();
    return promise;
  };
  return (target, request, call) => {
    const plan = target.ensemble;
    if (plan === undefined) return submit(target, request, call);
    try {
      return run(pin(target, plan, router), request, call);
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

const failureReasons: Partial<Record<ErrorCode, FailureReason>> = {
  resource_exhausted: 'REJECTED',
  unavailable: 'REJECTED',
  cancelled: 'CANCELED',
  deadline_exceeded: 'CANCELED',
  internal: 'BACKEND',
};
