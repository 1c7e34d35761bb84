import { ServingError } from '../errors.ts';
import { printable } from '../util/printable.ts';
import type { Parameter, Parameters } from './request.ts';
import type { SharedMemory, TensorPlace } from './shared-memory.ts';

/** @throws unimplemented, as Triton without `--allow-client-shm`, where `memory` is undefined. */
export function requireSharedMemory(memory: SharedMemory | undefined): SharedMemory {
  if (memory !== undefined) return memory;
  throw new ServingError('unimplemented', 'Client shared memory is disabled; send tensors in the message.', {
    reason: 'SHARED_MEMORY_DISABLED',
  });
}

/** What registering CUDA shared memory is answered with, as by a Triton without GPUs. */
export function cudaUnsupported(name: string): ServingError {
  return new ServingError(
    'invalid_argument',
    `failed to register CUDA shared memory region: '${printable(name)}', GPUs not supported`,
    { reason: 'CUDA_SHARED_MEMORY_UNSUPPORTED' },
  );
}

/** There never is a CUDA region, so that asking for all of them succeeds. @throws not_found for the one of a name. */
export function checkCudaStatus(memory: SharedMemory, caller: string, name: string): void {
  if (name === '') return;
  const isSystem = memory.status(caller, '').some((region) => region.name === name);
  throw new ServingError(
    'not_found',
    isSystem
      ? `The region named '${printable(name)}' is registered as system shared memory, not CUDA shared memory`
      : `Unable to find cuda shared memory region: '${printable(name)}'`,
    { reason: 'SHARED_MEMORY_NOT_FOUND' },
  );
}

const regionParameter = 'shared_memory_region';
const offsetParameter = 'shared_memory_offset';
const sizeParameter = 'shared_memory_byte_size';

/**
 * Where the parameters of an input or output say that it stands; undefined for a tensor of the message.
 *
 * @throws invalid_argument for parameters that contradict each other or are of another type.
 */
export function readPlace(tensor: string, parameters: Parameters): TensorPlace | undefined {
  const region = parameters.get(regionParameter);
  const offset = parameters.get(offsetParameter);
  const size = parameters.get(sizeParameter);
  if (region === undefined) {
    if (offset !== undefined) throw withoutRegion(offsetParameter, tensor);
    if (size !== undefined) throw withoutRegion(sizeParameter, tensor);
    return undefined;
  }
  if (typeof region !== 'string') throw wrongType(regionParameter, tensor, 'string_param');
  if (size === undefined) {
    throw invalid(`'${sizeParameter}' must be specified along with '${regionParameter}'`, tensor);
  }
  return {
    region,
    offset: offset === undefined ? 0 : readInteger(offsetParameter, tensor, offset),
    sizeBytes: readInteger(sizeParameter, tensor, size),
  };
}

/** As `readPlace`, of an output. Classes are made of an output's bytes and cannot take their place. */
export function readOutputPlace(output: string, parameters: Parameters): TensorPlace | undefined {
  const place = readPlace(output, parameters);
  if (place === undefined || !parameters.has('classification')) return place;
  throw new ServingError(
    'invalid_argument',
    "output can't set both 'shared_memory_region' and 'classification'",
    { reason: 'INVALID_PARAMETER' },
  );
}

/** How an answer says where an output stands, and how many bytes it has there. */
export function placeParameters({ region, offset, sizeBytes }: TensorPlace): Parameters {
  const parameters = new Map<string, Parameter>([[regionParameter, region]]);
  if (offset !== 0) parameters.set(offsetParameter, offset);
  return parameters.set(sizeParameter, sizeBytes);
}

/** Beyond 2^53 digits do not matter: no region is so large. */
function readInteger(name: string, tensor: string, value: unknown): number {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  throw wrongType(name, tensor, 'int64_param');
}

function withoutRegion(name: string, tensor: string): ServingError {
  return invalid(`'${name}' can not be specified without '${regionParameter}'`, tensor);
}

function invalid(what: string, tensor: string): ServingError {
  return new ServingError('invalid_argument', `${what} parameter for tensor '${printable(tensor)}'`, {
    reason: 'INVALID_PARAMETER',
  });
}

function wrongType(name: string, tensor: string, expected: string): ServingError {
  return new ServingError(
    'invalid_argument',
    `invalid value type for '${name}' parameter for tensor '${printable(tensor)}', expected ${expected}.`,
    { reason: 'INVALID_PARAMETER' },
  );
}
