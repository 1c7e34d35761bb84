import { ServingError } from '../errors.ts';
import type { ModelSpec } from '../inference/model-spec.ts';
import type { Parameter } from '../inference/request.ts';
import { printable } from '../util/printable.ts';

/** Sequences end, or are idle for as long as the model allows; a second is Triton's default for that. */
const retryAfterMs = 1000;

function invalid(reason: string, message: string): ServingError {
  return new ServingError('invalid_argument', message, { reason });
}

/** The refusals of sequences, with Triton's texts where it has them. */
export const refuse = {
  rows: ({ name }: ModelSpec) =>
    invalid(
      'SEQUENCE_BATCH_SIZE',
      `inference request to model '${printable(name)}' must specify batch-size 1 due to requirements of sequence batcher`,
    ),
  noId: ({ name }: ModelSpec) =>
    invalid(
      'SEQUENCE_ID_MISSING',
      `inference request to model '${printable(name)}' must specify a non-zero or non-empty correlation ID`,
    ),
  notStarted: ({ name }: ModelSpec, id: Parameter) =>
    invalid(
      'SEQUENCE_NOT_STARTED',
      `inference request for sequence ${printable(String(id))} to model '${printable(name)}' must specify the START flag on the first request of the sequence`,
    ),
  idDatatype: ({ name }: ModelSpec, datatype: string) =>
    invalid(
      'SEQUENCE_ID_INVALID',
      `the correlation ID of a request to model '${printable(name)}' must fit ${datatype}, which its CORRID control takes`,
    ),
  tooManySequences: ({ name }: ModelSpec, limit: number) =>
    new ServingError(
      'resource_exhausted',
      `overloaded: model '${printable(name)}' has ${limit} live sequences, the most that it may (parameter max_sequences)`,
      { reason: 'TOO_MANY_SEQUENCES', retryAfterMs },
    ),
  tooManyWaiting: ({ name }: ModelSpec) =>
    new ServingError(
      'resource_exhausted',
      `overloaded: too many requests of sequences wait for model '${printable(name)}'`,
      { reason: 'SEQUENCE_QUEUE_FULL', retryAfterMs },
    ),
  tooManyBytes: ({ name }: ModelSpec) =>
    new ServingError(
      'resource_exhausted',
      `overloaded: the states of the sequences of model '${printable(name)}' take more bytes than they may (parameter max_state_bytes)`,
      { reason: 'SEQUENCE_STATES_TOO_LARGE', retryAfterMs },
    ),
  badState: ({ name }: ModelSpec, output: string) =>
    new ServingError(
      'internal',
      `state '${printable(output)}' of model '${printable(name)}' is not what its configuration says`,
      { reason: 'INFERENCE_FAILED' },
    ),
  badFlag: ({ name }: ModelSpec, output: string) =>
    new ServingError(
      'internal',
      `output '${printable(output)}' of model '${printable(name)}' is not one BOOL for each row`,
      { reason: 'INFERENCE_FAILED' },
    ),
  steps: (most: number) =>
    invalid(
      'INVALID_PARAMETER',
      `invalid value for parameter 'max_steps', expected an integer of 1 to ${most}`,
    ),
  notRead: (patienceMs: number) =>
    new ServingError('cancelled', `no answer was read for ${patienceMs / 1000} s`, { reason: 'CANCELLED' }),
  oneAnswer: () =>
    new ServingError('unimplemented', 'the caller takes one answer only', { reason: 'DECOUPLED_MODEL' }),
  badRows: ({ name }: ModelSpec) =>
    new ServingError('internal', `outputs of model '${printable(name)}' do not follow the batch dimension`, {
      reason: 'OUTPUT_NOT_BATCHED',
    }),
  unloading: ({ name }: ModelSpec) =>
    new ServingError('unavailable', `the sequence cannot begin: model '${printable(name)}' is unloading`, {
      reason: 'MODEL_NOT_READY',
    }),
  cancelled: () => new ServingError('cancelled', 'request was cancelled', { reason: 'CANCELLED' }),
  late: () =>
    new ServingError('deadline_exceeded', 'the deadline passed while the request waited in its sequence', {
      reason: 'DEADLINE_EXCEEDED',
    }),
};
