import type { ServingError } from '../errors.ts';
import type { Parameters } from '../inference/request.ts';
import type { Tensor } from '../inference/tensor.ts';
import { entryOverheadBytes, type StoredAnswer } from './answer-store.ts';

/** What says on an answer that nothing was computed for it. */
export const cachedParameters: Parameters = new Map([['cache_hit', true]]);

/** How long a failure that its input causes is told without trying again. */
const errorMs = 1000;

export interface Making {
  readonly digest: string;
  readonly costMs: number;
  /** In the clock's milliseconds. */
  readonly expiresAt: number;
}

/** An answer to keep, in memory of its own. */
export function storedOutputs(
  outputs: readonly Tensor[],
  { digest, costMs, expiresAt }: Making,
): StoredAnswer {
  let sizeBytes = entryOverheadBytes;
  const own: Tensor[] = [];
  for (const { name, datatype, shape, data } of outputs) {
    sizeBytes += data.byteLength;
    own.push({ name, datatype, shape, data: ownBytes(data) });
  }
  return { digest, outputs: own, error: undefined, sizeBytes, expiresAt, costMs };
}

/** A failure that the input causes, whoever sends it. */
export function storedError(error: ServingError, digest: string, nowMs: number): StoredAnswer {
  return {
    digest,
    outputs: [],
    error,
    sizeBytes: entryOverheadBytes + error.message.length,
    expiresAt: nowMs + errorMs,
    costMs: 0,
  };
}

/**
 * XFetch: with growing probability towards the end of an answer's time, and the earlier the longer it takes to make, so
 * that one request renews it instead of all at once when it is gone.
 *
 * @param random gives a number from 0 to 1, never 0.
 */
export function isDue({ expiresAt, costMs }: StoredAnswer, nowMs: number, random: () => number): boolean {
  return expiresAt !== Infinity && nowMs - costMs * Math.log(random()) >= expiresAt;
}

/** Bytes that are all of their memory need no copy: answers are never written to. */
function ownBytes(data: Uint8Array): Uint8Array {
  const { buffer } = data;
  if (data.byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) return data;
  return new Uint8Array(data);
}
