import { sharedMemoryDisabled } from '../../inference/protocol-rules.ts';
import type { GrpcMethod } from './method.ts';
import { protocolMethod } from './protocol-method.ts';

const rpcs = [
  'SystemSharedMemoryStatus',
  'SystemSharedMemoryRegister',
  'SystemSharedMemoryUnregister',
  'CudaSharedMemoryStatus',
  'CudaSharedMemoryRegister',
  'CudaSharedMemoryUnregister',
] as const;

/** The shared-memory rpcs, which answer as Triton's do without `--allow-client-shm`. */
export function createSharedMemoryRpcs(): readonly GrpcMethod[] {
  return rpcs.map((rpc) =>
    protocolMethod(rpc, 'infer', () => {
      throw sharedMemoryDisabled();
    }),
  );
}
