import { ServingError } from '../../errors.ts';
import {
  checkCudaStatus,
  cudaUnsupported,
  requireSharedMemory,
} from '../../inference/shared-memory-rules.ts';
import type { SharedMemory, SystemRegion } from '../../inference/shared-memory.ts';
import { reads, takes, type Endpoint, type Handler, type HttpCall } from './http-call.ts';
import { refuse } from './refuse.ts';
import { emptyReply, jsonReply } from './reply.ts';
import { bodyObject } from './repository.ts';

/** The shared-memory endpoints. Without `memory` all answer as Triton's do without `--allow-client-shm`. */
export function createSharedMemoryEndpoints(
  memory: SharedMemory | undefined,
): readonly (readonly [string, Endpoint])[] {
  return [
    ...endpointsOf('systemsharedmemory', {
      status: (call) =>
        jsonReply(requireSharedMemory(memory).status(call.context.principal.name, call.path.region)),
      async register(call) {
        await requireSharedMemory(memory).register(call.context.principal.name, readRegion(call));
        return emptyReply();
      },
      async unregister(call) {
        await requireSharedMemory(memory).unregister(call.context.principal.name, call.path.region);
        return emptyReply();
      },
    }),
    ...endpointsOf('cudasharedmemory', {
      status(call) {
        checkCudaStatus(requireSharedMemory(memory), call.context.principal.name, call.path.region);
        return jsonReply([]);
      },
      register(call) {
        requireSharedMemory(memory);
        throw cudaUnsupported(call.path.region);
      },
      unregister() {
        requireSharedMemory(memory);
        return emptyReply();
      },
    }),
  ];
}

interface Handlers {
  readonly status: Handler;
  readonly register: Handler;
  readonly unregister: Handler;
}

function endpointsOf(
  area: string,
  { status, register, unregister }: Handlers,
): readonly (readonly [string, Endpoint])[] {
  return [area, `${area}/region/{region}`].flatMap((where): readonly (readonly [string, Endpoint])[] => [
    [`${where}/status`, reads('infer', status)],
    [`${where}/register`, takes('infer', register)],
    [`${where}/unregister`, takes('infer', unregister)],
  ]);
}

function readRegion({ path, body }: HttpCall): SystemRegion {
  const fields = bodyObject(body);
  const key = fields.get('key');
  const size = fields.get('byte_size');
  if (key === undefined) throw missingField('key');
  if (size === undefined) throw missingField('byte_size');
  if (typeof key !== 'string') throw refuse.field('key', 'a string');
  return {
    name: path.region,
    key,
    offset: readSize('offset', fields.get('offset') ?? 0),
    byte_size: readSize('byte_size', size),
  };
}

/** Beyond 2^53 digits do not matter: no region is so large. */
function readSize(name: string, value: unknown): number {
  if (typeof value === 'bigint' && value >= 0n) return Number(value);
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  throw refuse.field(name, 'a whole number of 0 or more');
}

function missingField(name: string): ServingError {
  return new ServingError('invalid_argument', `Shared memory register request has no '${name}' field`, {
    reason: 'MALFORMED_MESSAGE',
  });
}
