import type { ModelCatalog } from '../../inference/catalog.ts';
import type { GrpcMethod } from './method.ts';
import { field, protocolMethod } from './protocol-method.ts';

/** What ServerMetadata says. */
export interface ServerIdentity {
  /** `triton` by default elsewhere: some of Triton's clients insist on it. */
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

/** ServerMetadata, ModelMetadata and ModelConfig. */
export function createMetadataRpcs(catalog: ModelCatalog, identity: ServerIdentity): readonly GrpcMethod[] {
  return [
    protocolMethod('ServerMetadata', 'infer', () => identity),
    protocolMethod('ModelMetadata', 'infer', (request) =>
      catalog.metadata(field(request, 'name'), field(request, 'version')),
    ),
    protocolMethod('ModelConfig', 'infer', (request) => ({
      config: catalog.config(field(request, 'name'), field(request, 'version')),
    })),
  ];
}
