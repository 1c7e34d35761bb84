import type { InferRequest } from '../inference/request.ts';
import type { JoinedRequests, Target } from '../inference/target.ts';
import { assembleBatch } from './assemble.ts';
import { PaddingPlan } from './padding-plan.ts';
import { assembleRagged } from './ragged.ts';
import { splitBatch } from './split-batch.ts';

/**
 * Makes one batch of requests as the scheduler would, without a queue: what a model is checked with before it serves.
 *
 * @param requests Fit the model, and may share a batch. At least one.
 */
export function joinRequests(
  { spec, scheduling }: Pick<Target, 'spec' | 'scheduling'>,
  requests: readonly InferRequest[],
): JoinedRequests {
  const members = requests.map((request) => ({
    request,
    rows: spec.maxBatchSize > 0 ? (request.inputs[0]?.shape[0] ?? 1) : 1,
  }));
  const outputs = spec.outputs.map(({ name }) => name);
  const { ragged, padding } = scheduling;
  const plan = padding.length === 0 ? undefined : new PaddingPlan(spec, padding);
  const batch =
    ragged === undefined
      ? assembleBatch(spec, members, outputs, plan && { plan, sizes: largest(plan, requests) })
      : assembleRagged(spec, ragged, members, outputs);
  return { batch, split: (results) => splitBatch({ spec, scheduling }, members, results, { batch, plan }) };
}

/** What requests of the largest bucket among them are padded to. */
function largest(plan: PaddingPlan, requests: readonly InferRequest[]): readonly number[] {
  const bounds: number[] = [];
  for (const request of requests) {
    for (const [index, bound] of (plan.boundsOf(request) ?? []).entries()) {
      bounds[index] = Math.max(bounds[index] ?? 0, bound);
    }
  }
  return plan.paddedTo(
    requests.map((request) => ({ request })),
    bounds,
  );
}
