import type { ErrorCode, ServingError } from '../errors.ts';
import type { CallContext, ComputeTimes } from '../inference/call-context.ts';
import { noParameters, type InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { SequencePlan } from '../inference/sequence.ts';
import type { FailureReason } from '../inference/statistics.ts';
import type { Target } from '../inference/target.ts';
import type { Tensor } from '../inference/tensor.ts';
import type { Entry, Sequence } from './sequence.ts';
import { joinRows } from './slot-rows.ts';
import { noSequence, wholeInputs, wholeOutputs } from './whole-request.ts';

/** A request that is to run now, with everything that the model takes for it. */
export interface Turn {
  readonly sequence: Sequence;
  readonly entry: Entry;
  readonly states: readonly Tensor[];
  readonly inputs: readonly Tensor[];
}

/** A batch of one turn of each of some sequences. One of `response` and `error` is there. */
export interface GroupRun {
  readonly turns: readonly Turn[];
  /** Rows, empty ones included. */
  readonly count: number;
  readonly call: CallContext;
  readonly times: ComputeTimes;
  readonly response?: InferResponse;
  readonly error?: ServingError;
}

/** One request of all rows up to the last one that has a turn. */
export function batchOf(
  plan: SequencePlan,
  turns: readonly Turn[],
  rowOf: (sequence: Sequence) => number,
): { readonly batch: InferRequest; readonly count: number } {
  const [lead] = turns;
  if (lead === undefined) throw new Error('bug: a batch without requests');
  const count = Math.max(...turns.map(({ sequence }) => rowOf(sequence))) + 1;
  const { request } = lead.entry;
  // Rows of no sequence repeat what some row was sent: values that the model takes.
  const empty = wholeInputs(plan, request.inputs, lead.states, noSequence);
  const rows = Array.from({ length: count }, (): readonly Tensor[] => empty);
  for (const { sequence, inputs } of turns) rows[rowOf(sequence)] = inputs;
  const outputs = wholeOutputs(
    plan,
    turns.map(({ entry }) => entry.request),
  );
  return { batch: { ...request, id: '', inputs: joinRows(rows), outputs, parameters: noParameters }, count };
}

const failureReasons: Partial<Record<ErrorCode, FailureReason>> = {
  resource_exhausted: 'REJECTED',
  unavailable: 'REJECTED',
  cancelled: 'CANCELED',
  deadline_exceeded: 'CANCELED',
  internal: 'BACKEND',
};

export function countFailure(
  { statistics }: Target,
  call: CallContext,
  { code }: ServingError,
  nowMs: number,
): void {
  statistics.recordFailure(nowMs - call.receivedAt, failureReasons[code] ?? 'OTHER', call.front);
}

/** Counts the requests of a batch, of which the batcher saw one request of many rows, some of them empty. */
export function countGroup(
  target: Target,
  { turns, times }: GroupRun,
  error: ServingError | undefined,
  nowMs: number,
): void {
  const { statistics } = target;
  const { inputMs, inferMs, outputMs } = times;
  let queueMs = 0;
  for (const { entry } of turns) {
    const waitedMs = Math.max(0, nowMs - entry.since - inputMs - inferMs - outputMs);
    const failure = entry.gone ?? error;
    queueMs += waitedMs;
    if (error === undefined) statistics.recordQueueWait(waitedMs);
    if (failure !== undefined) countFailure(target, entry.call, failure, nowMs);
    else statistics.recordSuccess(nowMs - entry.call.receivedAt, entry.call.front);
  }
  if (error === undefined) {
    statistics.recordBatch(turns.length, turns.length, queueMs, inputMs, inferMs, outputMs);
  }
}
