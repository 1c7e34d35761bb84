import { ServingError } from '../../errors.ts';
import type { CallContext } from '../../inference/call-context.ts';
import type { ModelCatalog } from '../../inference/catalog.ts';
import type { RouteOnDemand } from '../../inference/target.ts';
import type { GrpcMethod } from './method.ts';
import { field, protocolMethod } from './protocol-method.ts';

/** What ServerMetadata says. */
export interface ServerIdentity {
  /** `triton` by default elsewhere: some of Triton's clients insist on it. */
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

/**
 * ServerMetadata, ModelMetadata and ModelConfig.
 *
 * @param load there where models are loaded when they are asked for; asking for metadata is.
 */
export function createMetadataRpcs(
  catalog: ModelCatalog,
  identity: ServerIdentity,
  load: RouteOnDemand | undefined,
): readonly GrpcMethod[] {
  return [
    protocolMethod('ServerMetadata', 'infer', () => identity),
    ofModel('ModelMetadata', load, (model, version) => catalog.metadata(model, version)),
    ofModel('ModelConfig', load, (model, version) => ({ config: catalog.config(model, version) })),
  ];
}

function ofModel(
  rpc: string,
  load: RouteOnDemand | undefined,
  answer: (model: string, version: string) => object,
): GrpcMethod {
  return protocolMethod(rpc, 'infer', (request, { context }) => {
    const model = field(request, 'name');
    const version = field(request, 'version');
    if (load === undefined) return answer(model, version);
    return loaded(model, context, load).then(() => answer(model, version));
  });
}

async function loaded(model: string, call: CallContext, load: RouteOnDemand): Promise<void> {
  try {
    await load(model, '', call);
  } catch (thrown) {
    // What is not there, the catalog tells.
    if (ServingError.from(thrown).code !== 'not_found') throw thrown;
  }
}
