import { ServingError } from '../errors.ts';
import type { Executor } from '../inference/executor.ts';
import type { InferRequest } from '../inference/request.ts';
import type { JoinRequests, PaddedSize, Target } from '../inference/target.ts';
import type { Tensor } from '../inference/tensor.ts';
import type { CompareRows } from './check-batching.ts';
import { sampleRequest } from './sample-request.ts';

export interface MixedSizesTools {
  readonly joinRequests: JoinRequests;
  readonly compareRows: CompareRows;
}

type Model = Pick<Target, 'spec' | 'scheduling'>;

/** Where no bucket says what is usual. */
const usualSize = 16;
/** A first bucket below this shows little. */
const tellingSize = 8;

/**
 * Runs requests of different sizes in one padded batch, and each alone and as it is.
 *
 * @returns '' when they agree, else why requests of this model must not be padded.
 */
export function checkPadding(model: Model, executor: Executor, tools: MixedSizesTools): Promise<string> {
  const { spec, scheduling } = model;
  const { padding } = scheduling;
  const parts = spec.maxBatchSize === 1 ? [0.4] : [0.4, 1, 0.7].slice(0, spec.maxBatchSize);
  const requests = parts.map((part, number) =>
    sampleRequest(spec, { number, padding, sizes: padding.map((size) => partOf(size, part)), raggedSize: 1 }),
  );
  return compareSizes(model, executor, requests, tools);
}

/**
 * Runs requests of different sizes in one ragged batch, and each alone.
 *
 * @returns '' when they agree, else why requests of this model must not share a batch.
 */
export function checkRaggedBatch(model: Model, executor: Executor, tools: MixedSizesTools): Promise<string> {
  const { spec } = model;
  const requests = [3, 1, 5]
    .slice(0, spec.maxBatchSize)
    .map((raggedSize, number) => sampleRequest(spec, { number, padding: [], sizes: [], raggedSize }));
  return compareSizes(model, executor, requests, tools);
}

function partOf({ buckets }: PaddedSize, part: number): number {
  const size =
    buckets === undefined ? usualSize : (buckets.find((bound) => bound >= tellingSize) ?? buckets.at(-1));
  return Math.max(1, Math.floor((size ?? usualSize) * part));
}

async function compareSizes(
  { spec, scheduling }: Model,
  executor: Executor,
  requests: readonly InferRequest[],
  { joinRequests, compareRows }: MixedSizesTools,
): Promise<string> {
  const plain = { spec, scheduling: { ...scheduling, padding: [] } };
  const answers = async (model: Model, members: readonly InferRequest[]) => {
    const { batch, split } = joinRequests(model, members);
    return split((await executor.run({ ...batch, rehearsal: true })).outputs);
  };
  try {
    const together = await answers({ spec, scheduling }, requests);
    if (typeof together === 'string') return together;
    for (const [index, request] of requests.entries()) {
      const alone = await answers(plain, [request]);
      if (typeof alone === 'string') return alone;
      const reason = differs(together[index] ?? [], alone[0] ?? [], compareRows);
      if (reason !== '') return reason;
    }
    return '';
  } catch (error) {
    const failure = ServingError.from(error);
    if (failure.code === 'unavailable') throw failure;
    return 'the model refuses the made-up requests that would show whether their sizes matter';
  }
}

function differs(together: readonly Tensor[], alone: readonly Tensor[], compareRows: CompareRows): string {
  for (const [index, { name, shape }] of together.entries()) {
    const own = alone[index]?.shape ?? [];
    if (own.length !== shape.length || own.some((dim, at) => dim !== shape[at])) {
      return `output '${name}' has another shape in a batch of requests of different sizes`;
    }
  }
  return compareRows(together, [alone]);
}
