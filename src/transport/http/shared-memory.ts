import { sharedMemoryDisabled } from '../../inference/protocol-rules.ts';
import { reads, takes, type Endpoint, type Handler } from './http-call.ts';

const refuseAll: Handler = () => {
  throw sharedMemoryDisabled();
};

/** The shared-memory endpoints, which answer as Triton's do without `--allow-client-shm`. */
export function createSharedMemoryEndpoints(): readonly (readonly [string, Endpoint])[] {
  return ['systemsharedmemory', 'cudasharedmemory'].flatMap((area) =>
    [area, `${area}/region/{region}`].flatMap((where): readonly (readonly [string, Endpoint])[] => [
      [`${where}/status`, reads('infer', refuseAll)],
      [`${where}/register`, takes('infer', refuseAll)],
      [`${where}/unregister`, takes('infer', refuseAll)],
    ]),
  );
}
