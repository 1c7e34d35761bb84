import {
  checkCudaStatus,
  cudaUnsupported,
  requireSharedMemory,
} from '../../inference/shared-memory-rules.ts';
import type { SharedMemory } from '../../inference/shared-memory.ts';
import type { GrpcCall, GrpcMethod } from './method.ts';
import type { Message } from './proto.ts';
import { field, protocolMethod } from './protocol-method.ts';

/** The shared-memory rpcs. Without `memory` all answer as Triton's do without `--allow-client-shm`. */
export function createSharedMemoryRpcs(memory: SharedMemory | undefined): readonly GrpcMethod[] {
  return [
    protocolMethod('SystemSharedMemoryStatus', 'infer', (request, call) => {
      const regions = requireSharedMemory(memory).status(callerOf(call), field(request, 'name'));
      return { regions: Object.fromEntries(regions.map((region) => [region.name, region])) };
    }),
    protocolMethod('SystemSharedMemoryRegister', 'infer', async (request, call) => {
      await requireSharedMemory(memory).register(callerOf(call), {
        name: field(request, 'name'),
        key: field(request, 'key'),
        offset: size(request, 'offset'),
        byte_size: size(request, 'byte_size'),
      });
      return {};
    }),
    protocolMethod('SystemSharedMemoryUnregister', 'infer', async (request, call) => {
      await requireSharedMemory(memory).unregister(callerOf(call), field(request, 'name'));
      return {};
    }),
    protocolMethod('CudaSharedMemoryStatus', 'infer', (request, call) => {
      checkCudaStatus(requireSharedMemory(memory), callerOf(call), field(request, 'name'));
      return { regions: {} };
    }),
    protocolMethod('CudaSharedMemoryRegister', 'infer', (request) => {
      requireSharedMemory(memory);
      throw cudaUnsupported(field(request, 'name'));
    }),
    protocolMethod('CudaSharedMemoryUnregister', 'infer', () => {
      requireSharedMemory(memory);
      return {};
    }),
  ];
}

function callerOf({ context }: GrpcCall): string {
  return context.principal.name;
}

/** A uint64 field. Beyond 2^53 digits do not matter: no region is so large. */
function size(request: Message, name: string): number {
  return Number(field(request, name));
}
