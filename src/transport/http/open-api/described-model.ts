import { ServingError } from '../../../errors.ts';
import type { ModelCatalog, TensorMetadata } from '../../../inference/catalog.ts';

/** A model as the description of the front, and the pages about it, show it. */
export interface DescribedModel {
  readonly name: string;
  /** Unique among the models, of letters, digits and `_.-` only. */
  readonly key: string;
  /** Its newest version. */
  readonly version: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
  /** Names of inputs that may be left out. */
  readonly optional: ReadonlySet<string>;
  /** 0 for a model without a dimension of rows. */
  readonly maxBatchSize: number;
  /** It answers as often as it likes. */
  readonly decoupled: boolean;
  /** Its requests belong together, by `sequence_id`. */
  readonly sequences: boolean;
}

/** Further models are described by the paths that all models have. */
const maxDescribed = 50;

/** The models that are ready, in the order of their names. */
export function describedModels(catalog: ModelCatalog): readonly DescribedModel[] {
  const names = [...new Set(catalog.index(true).map(({ name }) => name))].slice(0, maxDescribed);
  const keys = new Set<string>();
  const models: DescribedModel[] = [];
  for (const [index, name] of names.entries()) {
    const plain = name.replace(/[^\w.-]/g, '_');
    const key = keys.has(plain) ? `${plain}_${index}` : plain;
    keys.add(key);
    const model = describeModel(catalog, name, key);
    if (model !== undefined) models.push(model);
  }
  return models;
}

/** undefined for a model that has gone meanwhile. */
function describeModel(catalog: ModelCatalog, name: string, key: string): DescribedModel | undefined {
  try {
    const { inputs, outputs, versions } = catalog.metadata(name, '');
    const config = catalog.config(name, '');
    return {
      name,
      key,
      version: versions.at(-1) ?? '',
      inputs,
      outputs,
      optional: optionalInputs(config['input']),
      maxBatchSize: Number(config['max_batch_size'] ?? 0),
      decoupled: fieldsOf(config['model_transaction_policy']).get('decoupled') === true,
      sequences: config['sequence_batching'] !== undefined,
    };
  } catch (error) {
    if (error instanceof ServingError) return undefined;
    throw error;
  }
}

/** Names of inputs that the configuration calls optional. */
export function optionalInputs(inputs: unknown): ReadonlySet<string> {
  const optional = new Set<string>();
  if (!Array.isArray(inputs)) return optional;
  for (const input of inputs) {
    const fields = fieldsOf(input);
    if (fields.get('optional') === true) optional.add(String(fields.get('name')));
  }
  return optional;
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(new Object(value)));
}
