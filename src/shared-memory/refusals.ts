import { ServingError } from '../errors.ts';
import { printable } from '../util/printable.ts';

function shown(name: string): string {
  return `'${printable(name)}'`;
}

function invalid(reason: string, message: string, cause?: unknown): ServingError {
  return new ServingError('invalid_argument', message, { reason, cause });
}

function missing(message: string): ServingError {
  return new ServingError('not_found', message, { reason: 'SHARED_MEMORY_NOT_FOUND' });
}

/** Triton's texts. What Triton answers with INTERNAL though the client is wrong is INVALID_ARGUMENT here. */
export const refuse = {
  noName: () => invalid('MISSING_NAME', "'region name' is necessary to register system shared memory region"),
  cannotOpen: (key: string, cause?: unknown) =>
    invalid('SHARED_MEMORY_KEY', `Unable to open shared memory region: ${shown(key)}`, cause),
  outOfObject: (name: string) =>
    invalid('SHARED_MEMORY_BOUNDS', `failed to register shared memory region ${shown(name)}: invalid args`),
  exists: (name: string) =>
    new ServingError('already_exists', `shared memory region ${shown(name)} already in manager`, {
      reason: 'SHARED_MEMORY_EXISTS',
    }),
  tooMany: (limit: number) =>
    new ServingError('resource_exhausted', `more than ${limit} shared memory regions are registered`, {
      reason: 'TOO_MANY_REGIONS',
    }),
  unknownStatus: (name: string) => missing(`Unable to find system shared memory region: ${shown(name)}`),
  unknown: (name: string) => missing(`Unable to find shared memory region: ${shown(name)}`),
  offset: (name: string) =>
    invalid('SHARED_MEMORY_BOUNDS', `Invalid offset for shared memory region: ${shown(name)}`),
  size: (name: string) =>
    invalid('SHARED_MEMORY_BOUNDS', `Invalid offset + byte size for shared memory region: ${shown(name)}`),
  tooSmall: (output: string, givenBytes: number, neededBytes: number) =>
    invalid(
      'SHARED_MEMORY_BOUNDS',
      `shared memory size specified with the request for output ${shown(output)} (${givenBytes} bytes) should be at least ${neededBytes} bytes to hold the results`,
    ),
  truncated: (name: string) =>
    new ServingError(
      'failed_precondition',
      `shared memory region ${shown(name)} is smaller than when it was registered`,
      { reason: 'SHARED_MEMORY_TRUNCATED' },
    ),
  full: (name: string, cause: unknown) =>
    new ServingError(
      'resource_exhausted',
      `there is no memory left to write to shared memory region ${shown(name)}`,
      { reason: 'SHARED_MEMORY_FULL', cause },
    ),
  unusable: (name: string, cause: unknown) =>
    new ServingError('failed_precondition', `shared memory region ${shown(name)} cannot be used`, {
      reason: 'SHARED_MEMORY_UNUSABLE',
      cause,
    }),
} as const;
