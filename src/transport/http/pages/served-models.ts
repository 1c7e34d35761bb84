import type { ModelCatalog, TensorMetadata } from '../../../inference/catalog.ts';
import { describedModels, type DescribedModel } from '../open-api/described-model.ts';
import type { GrpcPlace } from './create-pages.ts';
import { modelCalls, type ModelCall } from './model-calls.ts';

export interface ServedOptions {
  /** Whether plain predictions are on. */
  readonly plain: boolean;
  readonly grpc: GrpcPlace | undefined;
  /** Whether callers show API keys. */
  readonly keyed: boolean;
}

/** One version of a model, for the landing page. */
export interface ServedModel {
  readonly name: string;
  readonly version: string;
  readonly state: string;
  /** Why it is not ready; '' otherwise. */
  readonly reason: string;
  readonly description: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
  readonly calls: readonly ModelCall[];
}

/** All models in the order of their names, with ways of calling the newest versions of those that are ready. */
export function servedModels(catalog: ModelCatalog, options: ServedOptions): readonly ServedModel[] {
  const described = new Map(describedModels(catalog).map((model) => [model.name, model]));
  return catalog.index(false).map(({ name, version, state, reason }) => {
    const ready = state === 'READY';
    const model = ready ? described.get(name) : undefined;
    const newest = model?.version === version ? model : undefined;
    return {
      name,
      version,
      state,
      reason: ready ? '' : reason,
      description: newest === undefined ? '' : descriptionOf(catalog, newest),
      inputs: newest?.inputs ?? [],
      outputs: newest?.outputs ?? [],
      calls: newest === undefined ? [] : modelCalls(catalog, newest, options),
    };
  });
}

function descriptionOf(catalog: ModelCatalog, { name }: DescribedModel): string {
  return catalog.features(name, '')?.description ?? '';
}
