import { ServingError } from '../errors.ts';

/**
 * What onnxruntime says when the values or shapes of an input cannot be computed. Its own text names nodes, dims and source
 * paths, so it goes to the log only. Deterministic: the same input would fail again anywhere.
 */
const inputFaults: readonly RegExp[] = [
  /Got invalid dimensions for input/,
  /Invalid rank for input/,
  /Unexpected input data type/,
  /Missing Input:/,
  /out of (data )?bounds/i,
  /out of range/i,
  /cannot be reshaped/i,
  /Attempting to broadcast an axis/,
  /broadcast(ed|ing)?\b.*(incompatible|dimension|shape)/i,
  /(dimension|dimensions|shape|shapes|size|sizes|length|lengths|rank|axis)\b[^]{0,80}\b(mismatch|not match|must match|must be equal|incompatible|inconsistent)/i,
  /(mismatch|incompatible|inconsistent)[^]{0,40}\b(dimension|dimensions|shape|shapes|size|sizes|rank)/i,
  /invalid (input )?(dimension|shape|rank|axis|index|indices)/i,
  /Shape (of|for) .* (is|are) (invalid|not)/i,
];

/**
 * What a run failed with, as it may be told to clients; the original is the cause.
 *
 * @returns invalid_argument where the input is at fault, else internal.
 */
export function toRunError(thrown: unknown): ServingError {
  if (thrown instanceof ServingError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  if (inputFaults.some((fault) => fault.test(text))) {
    return new ServingError(
      'invalid_argument',
      'the model cannot compute an input of these values or shapes',
      {
        reason: 'INPUT_NOT_COMPUTABLE',
        cause: thrown,
      },
    );
  }
  return new ServingError('internal', 'inference failed', { reason: 'INFERENCE_FAILED', cause: thrown });
}
