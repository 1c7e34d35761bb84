import { ServingError } from '../errors.ts';

/** What onnxruntime says before it starts, when an input is not as the model declares. */
const refusedInput =
  /Got invalid dimensions for input|Invalid rank for input|Unexpected input data type|Missing Input:/;

/**
 * How the failure of one operator begins. On a model that works, an operator fails because of the values or shapes it got (an
 * index out of range, sizes that do not match, a negative count), deterministically: the same input would fail anywhere.
 */
const failedOperator = /Non-zero status code returned while running/;

const noMemory = /Failed to allocate memory|bad_alloc|out of memory|exceeds the supported maximum/i;

/** Failures of an operator that say nothing about the input. */
const serverFault =
  /\b(CUDA|CUBLAS|CUDNN|CUFFT)(_\w+)? ?(failure|error)|TensorRT|not.?implemented|terminate flag/i;

/**
 * What a run failed with, as it may be told to clients; the original, which names operators, sizes and source paths, is the
 * cause for the log.
 *
 * @returns invalid_argument where the input is at fault, resource_exhausted where it needs too much memory, else internal.
 */
export function toRunError(thrown: unknown): ServingError {
  if (thrown instanceof ServingError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  if (noMemory.test(text)) {
    return new ServingError('resource_exhausted', 'not enough memory to compute this input', {
      reason: 'INFERENCE_OUT_OF_MEMORY',
      cause: thrown,
    });
  }
  if (refusedInput.test(text) || (failedOperator.test(text) && !serverFault.test(text))) {
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
