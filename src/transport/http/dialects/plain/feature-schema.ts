import type { Datatype } from '../../../../inference/datatype.ts';
import { numberBounds, type Feature, type FeatureValue } from '../../../../inference/features.ts';
import { exact, type Schema } from '../../open-api/schema.ts';
import type { PlainInput, PlainModel } from './plain-model.ts';

const typeNames = {
  number: 'number',
  integer: 'integer',
  boolean: 'boolean',
  text: 'string',
} as const satisfies Record<Feature['type'], string>;

/** What `featureProblem` takes. NaN and infinities are no JSON, and stand in no schema. */
function featureSchema(feature: Feature, datatype: Datatype): Schema {
  const { type, description, values } = feature;
  const [least, most] = (type === 'boolean' ? undefined : numberBounds(datatype)) ?? [];
  const min = feature.min ?? least;
  const max = feature.max ?? most;
  const takesNull = feature.default !== undefined || (type === 'number' && feature.nonFinite !== 'refuse');
  const name = typeNames[type];
  return {
    type: takesNull ? [name, 'null'] : name,
    ...(description === '' ? {} : { description }),
    ...(min === undefined ? {} : { minimum: exact(min) }),
    ...(max === undefined ? {} : { maximum: exact(max) }),
    ...(values.length === 0 ? {} : { enum: takesNull ? [...values, null] : values }),
    ...(typeof feature.default === 'bigint' || feature.default === undefined
      ? {}
      : { default: feature.default }),
  };
}

/** One row of features. */
export function rowSchema({ features, inputs }: PlainModel): Schema {
  if (features.length > 0) {
    const datatypes = new Map(inputs.map(({ name, datatype }) => [name, datatype]));
    const schemas = features.map((feature) => featureSchema(feature, datatypes.get(feature.input) ?? 'FP64'));
    const properties = Object.fromEntries(features.map(({ name }, index) => [name, schemas[index]]));
    const isNeeded = (feature: Feature): boolean => feature.default === undefined;
    return {
      anyOf: [
        {
          type: 'array',
          prefixItems: schemas,
          minItems: features.findLastIndex(isNeeded) + 1,
          maxItems: features.length,
        },
        {
          type: 'object',
          properties,
          required: features.filter(isNeeded).map(({ name }) => name),
          additionalProperties: false,
        },
      ],
    };
  }
  const byInput: Schema = {
    type: 'object',
    properties: Object.fromEntries(inputs.map((input) => [input.name, valuesSchema(input)])),
    required: inputs.filter(({ optional }) => !optional).map(({ name }) => name),
    additionalProperties: false,
  };
  const [only, more] = inputs;
  return only === undefined || more !== undefined ? byInput : { anyOf: [valuesSchema(only), byInput] };
}

/** All values of an input as a flat list. Lists of lists are taken as well. */
function valuesSchema({ rowShape, any, datatype }: PlainInput): Schema {
  const count = rowShape.includes(-1) ? undefined : rowShape.reduce((product, size) => product * size, 1);
  return {
    type: 'array',
    items: featureSchema(any, datatype),
    ...(count === undefined ? {} : { minItems: count, maxItems: count }),
  };
}

/** Longer examples help nobody. */
const maxExampleValues = 1000;

/** A row that the model takes; undefined where it would be long. */
export function rowExample({ features, inputs }: PlainModel): unknown {
  if (features.length > maxExampleValues) return undefined;
  if (features.length > 0) {
    return Object.fromEntries(features.map((feature) => [feature.name, valueExample(feature)]));
  }
  const counts = inputs.map(({ rowShape }) =>
    rowShape.reduce((product, size) => product * (size === -1 ? 1 : size), 1),
  );
  if (Math.max(...counts) > maxExampleValues) return undefined;
  const lists = inputs.map(({ any }, index) =>
    Array.from({ length: counts[index] ?? 0 }, () => valueExample(any)),
  );
  return inputs.length === 1
    ? lists[0]
    : Object.fromEntries(inputs.map(({ name }, index) => [name, lists[index]]));
}

function valueExample(feature: Feature): FeatureValue {
  const { type, min, max, values } = feature;
  const [first] = values;
  if (feature.default !== undefined && typeof feature.default !== 'bigint') return feature.default;
  if (first !== undefined) return first;
  if (type === 'boolean') return true;
  if (type === 'text') return 'text';
  const middle = min !== undefined && max !== undefined ? (min + max) / 2 : (min ?? max ?? 0);
  return type === 'integer' ? Math.ceil(middle) : middle;
}
