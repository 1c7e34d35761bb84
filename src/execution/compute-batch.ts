import type { Tensor } from '../inference/tensor.ts';
import { readRequest } from './request-slot.ts';
import { fetchesOf, readOutputs } from './session.ts';
import type { Feeds, Session } from './session.ts';
import { threadCpuMs } from './thread-cpu.ts';

/** What came out of a batch on the side that computes; `outputs` view what ONNX Runtime allocated. */
export interface Computed {
  readonly outputs: readonly Tensor[];
  readonly inputMs: number;
  readonly inferMs: number;
  readonly cpuMs: number | undefined;
  /** When the run ended; making the reply counts from here. */
  readonly computedAt: number;
}

/** A session and who is told what its batches gave. Exactly one of the two is called for each batch. */
export interface BatchComputation {
  readonly session: Session;
  /** As of `computesOnOneThread`. */
  readonly oneThread: boolean;
  readonly succeed: (computed: Computed) => void;
  readonly fail: (thrown: unknown) => void;
}

/** Computes the batch in the slot; at once if the session computes at once. */
export function computeBatch(
  { session, oneThread, succeed, fail }: BatchComputation,
  slot: ArrayBufferLike,
): Promise<void> | undefined {
  try {
    const startedAt = performance.now();
    const batch = readRequest(slot, session.metadata);
    const feeds: Feeds = {};
    for (const input of batch.inputs) {
      feeds[input.name] = session.input(input.name, input.datatype, input.shape, input.bytes);
    }
    const fetches = fetchesOf(batch.outputs);
    const readyAt = performance.now();
    const cpuBefore = oneThread ? threadCpuMs() : undefined;
    const answer = (values: Awaited<ReturnType<Session['compute']>>) => {
      const cpuMs = cpuBefore === undefined ? undefined : threadCpuMs() - cpuBefore;
      const computedAt = performance.now();
      const outputs = readOutputs(values, batch.outputs);
      succeed({ outputs, inputMs: readyAt - startedAt, inferMs: computedAt - readyAt, cpuMs, computedAt });
    };
    const values = session.compute(feeds, fetches);
    if (values instanceof Promise) return values.then(answer).catch(fail);
    answer(values);
  } catch (thrown) {
    fail(thrown);
  }
  return undefined;
}
