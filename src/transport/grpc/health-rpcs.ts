import type { ModelCatalog } from '../../inference/catalog.ts';
import type { GrpcMethod } from './method.ts';
import { field, protocolMethod } from './protocol-method.ts';

/** ServerLive, ServerReady and ModelReady. Open to everybody, as probes have no credentials. */
export function createHealthRpcs(catalog: ModelCatalog): readonly GrpcMethod[] {
  return [
    protocolMethod('ServerLive', 'none', () => ({ live: true })),
    protocolMethod('ServerReady', 'none', () => ({ ready: catalog.ready() })),
    protocolMethod('ModelReady', 'none', (request) => ({
      ready: catalog.modelReady(field(request, 'name'), field(request, 'version')),
    })),
  ];
}
