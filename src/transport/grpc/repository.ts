import { ServingError } from '../../errors.ts';
import type { LoadOverrides, ModelCatalog, ModelControl } from '../../inference/catalog.ts';
import { namedRepository, requireControl } from '../../inference/protocol-rules.ts';
import type { GrpcMethod, UnaryMethod } from './method.ts';
import type { Message } from './proto.ts';
import { field, inferenceService, mapEntries, protocolMethod } from './protocol-method.ts';

/** MLServer's clients call the same rpcs, with the same messages, of this service. */
const otherService = 'inference.model_repository.ModelRepositoryService';

/**
 * RepositoryIndex, RepositoryModelLoad and RepositoryModelUnload, of the protocol's service and of MLServer's. Without
 * `control` the last two are refused.
 */
export function createRepositoryRpcs(
  catalog: ModelCatalog,
  control: ModelControl | undefined,
): readonly GrpcMethod[] {
  const methods = protocolMethods(catalog, control);
  const ownPrefix = `/${inferenceService().name}/`;
  return [
    ...methods,
    ...methods.map((method) => ({ ...method, path: method.path.replace(ownPrefix, `/${otherService}/`) })),
  ];
}

function protocolMethods(catalog: ModelCatalog, control: ModelControl | undefined): readonly UnaryMethod[] {
  return [
    protocolMethod('RepositoryIndex', 'infer', (request) => {
      if (field(request, 'repository_name') !== '') throw namedRepository();
      return { models: catalog.index(request['ready'] === true) };
    }),
    protocolMethod('RepositoryModelLoad', 'admin', async (request) => {
      const model = modelName(request);
      await requireControl(control).load(model, readOverrides(request));
      return { model_name: model, isLoaded: true };
    }),
    protocolMethod('RepositoryModelUnload', 'admin', async (request) => {
      const model = modelName(request);
      await requireControl(control).unload(model, readUnloadDependents(request));
      return { model_name: model, isUnloaded: true };
    }),
  ];
}

/** KServe's clients put the model's name where Triton's put the repository's, which no server supports. */
function modelName(request: Message): string {
  const model = field(request, 'model_name');
  const repository = field(request, 'repository_name');
  if (model === '' && repository === '') {
    throw new ServingError('invalid_argument', 'model_name must not be empty', { reason: 'MISSING_NAME' });
  }
  if (model === '') return repository;
  if (repository !== '') throw namedRepository();
  return model;
}

const filePrefix = 'file:';

function readOverrides(request: Message): LoadOverrides {
  let config: string | undefined;
  const files = new Map<string, Uint8Array>();
  for (const [name, parameter] of mapEntries(request, 'parameters')) {
    const { string_param: text, bytes_param: bytes } = parameter;
    if (name === 'config' && typeof text === 'string') config = text;
    else if (name.startsWith(filePrefix) && bytes instanceof Uint8Array) {
      files.set(name.slice(filePrefix.length), bytes);
    } else throw badParameter('load', name, "'config' as string_param and 'file:<path>' as bytes_param");
  }
  return { config, files };
}

function readUnloadDependents(request: Message): boolean {
  let unloadDependents = false;
  for (const [name, parameter] of mapEntries(request, 'parameters')) {
    const { bool_param: value } = parameter;
    if (name !== 'unload_dependents' || typeof value !== 'boolean') {
      throw badParameter('unload', name, "'unload_dependents' as bool_param");
    }
    unloadDependents = value;
  }
  return unloadDependents;
}

function badParameter(operation: string, name: string, allowed: string): ServingError {
  return new ServingError(
    'invalid_argument',
    `unexpected ${operation} parameter '${name}' or type of it; allowed are ${allowed}`,
    { reason: 'INVALID_PARAMETER' },
  );
}
