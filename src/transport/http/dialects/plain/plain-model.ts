import type { ModelCatalog, TensorMetadata } from '../../../../inference/catalog.ts';
import { isDatatype, type Datatype } from '../../../../inference/datatype.ts';
import { featureTypeOf, type Feature, type NonFinitePolicy } from '../../../../inference/features.ts';
import { elementCount } from '../../../../inference/tensor.ts';
import { optionalInputs } from '../../open-api/described-model.ts';
import { refuse } from '../../refuse.ts';
import { planPrediction, type PredictionPlan } from '../../../../inference/plan-prediction.ts';

/** An input of a model as a row of a prediction fills it. */
export interface PlainInput {
  readonly name: string;
  readonly datatype: Datatype;
  /** Without the dimension of rows; -1 is any size. */
  readonly rowShape: readonly number[];
  readonly optional: boolean;
  /** What holds for each of its values that is no listed feature. */
  readonly any: Feature;
}

/** A model as the plain prediction API sees it. */
export interface PlainModel {
  readonly name: string;
  /** Of the version that answers when a request names none. */
  readonly version: string;
  readonly description: string;
  /** Most rows of one request; 0 for a model without a dimension of rows. */
  readonly maxBatchSize: number;
  readonly inputs: readonly PlainInput[];
  /** Each one value, in the order of a list of them; empty where inputs are filled by any number of values. */
  readonly features: readonly Feature[];
  readonly prediction: PredictionPlan;
}

/**
 * @param unsaid what is taken of numbers that are none, where the file beside the model does not say.
 * @throws not_found and unavailable, as the catalog does.
 */
export function plainModel(
  catalog: ModelCatalog,
  name: string,
  version: string,
  unsaid: NonFinitePolicy = 'refuse',
): PlainModel {
  const metadata = catalog.metadata(name, version);
  const file = catalog.features(name, version);
  const config = catalog.config(name, version);
  const maxBatchSize = Number(config['max_batch_size'] ?? 0);
  const common = {
    batched: maxBatchSize > 0,
    optional: optionalInputs(config['input']),
    nonFinite: file?.nonFinite ?? unsaid,
  };
  const inputs = metadata.inputs.map((input) => plainInput(input, common));
  return {
    name: metadata.name,
    version: version === '' ? (metadata.versions.at(-1) ?? '') : version,
    description: file?.description ?? '',
    maxBatchSize,
    inputs,
    features: featuresOf(inputs, file?.features ?? []),
    prediction: planPrediction(metadata.outputs, catalog.labels(name, version), file),
  };
}

/** A model with several inputs of one value each has them for features. */
function featuresOf(inputs: readonly PlainInput[], listed: readonly Feature[]): readonly Feature[] {
  if (listed.length > 0 || inputs.length < 2) return listed;
  return inputs.every(({ rowShape, optional }) => elementCount(rowShape) === 1 && !optional)
    ? inputs.map(({ any }) => any)
    : [];
}

interface Common {
  readonly batched: boolean;
  readonly optional: ReadonlySet<string>;
  readonly nonFinite: NonFinitePolicy;
}

function plainInput(
  { name, datatype, shape }: TensorMetadata,
  { batched, optional, nonFinite }: Common,
): PlainInput {
  if (!isDatatype(datatype)) throw refuse.datatype(name, datatype);
  const type = featureTypeOf[datatype];
  return {
    name,
    datatype,
    rowShape: batched ? shape.slice(1) : shape,
    optional: optional.has(name),
    any: {
      name,
      description: '',
      type,
      input: name,
      min: undefined,
      max: undefined,
      values: [],
      default: undefined,
      nonFinite: type === 'number' ? nonFinite : 'refuse',
    },
  };
}
