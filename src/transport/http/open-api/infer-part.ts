import type { TensorMetadata } from '../../../inference/catalog.ts';
import { isDatatype, type Datatype } from '../../../inference/datatype.ts';
import { featureTypeOf, numberBounds } from '../../../inference/features.ts';
import { jsonLengthHeader } from '../infer-response.ts';
import { operation, json, type ApiPart, type MediaType, type Operation, type PathItem } from './api-part.ts';
import type { DescribedModel } from './described-model.ts';
import { exampleTensor, hasNoJson } from './example-tensor.ts';
import { exact, listOf, objectOf, reference, text, type Schema } from './schema.ts';

export const binaryType = 'application/octet-stream';
export const eventType = 'text/event-stream';

export const jsonLengthParameter = {
  name: jsonLengthHeader,
  in: 'header',
  description: 'Bytes of JSON before the bytes of tensors; 0 for a body that is the only input as a whole.',
  schema: { type: 'integer', minimum: 0 },
} as const;

const madeUp = 'The values of examples are made up.';

/** Inference as each model takes it, with its tensors' names, datatypes and shapes, and an example that can be sent. */
export function inferPart(models: readonly DescribedModel[]): ApiPart {
  const paths: Record<string, PathItem> = {};
  const schemas: Record<string, Schema> = {};
  for (const model of models) {
    const base = `/v2/models/${encodeURIComponent(model.name)}`;
    const { key, decoupled } = model;
    schemas[`model.${key}.infer`] = requestSchema(model);
    schemas[`model.${key}.inferred`] = replySchema(model);
    schemas[`model.${key}.generate`] = generateSchema(model);
    schemas[`model.${key}.generated`] = generatedSchema(model);
    if (decoupled) paths[`${base}/infer_stream`] = { post: streamOperation(model) };
    else paths[`${base}/infer`] = { post: inferOperation(model) };
    if (!decoupled && !hasHalf(model.outputs)) paths[`${base}/generate`] = { post: generateOperation(model) };
  }
  return { paths, schemas };
}

function inferOperation(model: DescribedModel): Operation {
  const { key, name } = model;
  const request = inferExample(model);
  const outputs = exampleOf(model.outputs.map(exampleTensor));
  const reply = outputs && { model_name: name, model_version: model.version, outputs };
  const takesJson = !hasHalf(model.inputs.filter((input) => !model.optional.has(input.name)));
  return operation({
    id: `${key}_infer`,
    tag: name,
    summary: `Inference by ${name}`,
    description: `Tensors as JSON, or with bytes behind it. ${madeUp}`,
    parameters: [jsonLengthParameter],
    body: {
      description: 'The inputs',
      content: {
        ...(takesJson
          ? { 'application/json': { schema: reference(`model.${key}.infer`), ...example(request) } }
          : {}),
        [binaryType]: { schema: { type: 'string', contentMediaType: binaryType } },
      },
      required: true,
    },
    replies: {
      200: {
        description: 'The outputs',
        content: {
          'application/json': { schema: reference(`model.${key}.inferred`), ...example(reply) },
          [binaryType]: {},
        },
      },
    },
    fails: 'runs',
  });
}

/** Models that answer several times are asked so. */
function streamOperation(model: DescribedModel): Operation {
  const { key, name } = model;
  return operation({
    id: `${key}_infer_stream`,
    tag: name,
    summary: `Inference by ${name}, with an event for each answer`,
    description: `Tensors as JSON. ${madeUp}`,
    body: {
      ...json(reference(`model.${key}.infer`), 'The inputs', example(inferExample(model))),
      required: true,
    },
    replies: { 200: { description: 'Server-sent events', content: { [eventType]: {} } } },
    fails: 'runs',
  });
}

/** The body of an infer request that the model takes; undefined where it would be long, or no JSON. */
export function inferExample(model: DescribedModel): object | undefined {
  const wanted = model.inputs.filter(({ name }) => !model.optional.has(name));
  const inputs = exampleOf(wanted.map(exampleTensor));
  if (inputs === undefined) return undefined;
  return model.sequences ? { parameters: oneRequestSequence, inputs } : { inputs };
}

/** A sequence that begins and ends with the request. */
export const oneRequestSequence = { sequence_id: 1, sequence_start: true, sequence_end: true } as const;

function generateOperation(model: DescribedModel): Operation {
  const { key, name } = model;
  const inputs = valuesExample(model.inputs.filter((input) => !model.optional.has(input.name)));
  const request = inputs && (model.sequences ? { ...oneRequestSequence, ...inputs } : inputs);
  const outputs = valuesExample(model.outputs);
  return operation({
    id: `${key}_generate`,
    tag: name,
    summary: `Inference by ${name}, with a plain object`,
    description: `Values of inputs by name. ${madeUp}`,
    body: {
      ...json(reference(`model.${key}.generate`), 'The inputs', example(request)),
      required: true,
    },
    replies: {
      200: json(
        reference(`model.${key}.generated`),
        'The outputs',
        example(outputs && { model_name: name, model_version: model.version, ...outputs }),
      ),
    },
    fails: 'runs',
  });
}

/** A value for a tensor of one element, a list for others. */
function valuesExample(tensors: readonly TensorMetadata[]): Readonly<Record<string, unknown>> | undefined {
  const examples = exampleOf(tensors.map(exampleTensor));
  return (
    examples &&
    Object.fromEntries(examples.map(({ name, data }) => [name, data.length === 1 ? data[0] : data]))
  );
}

function exampleOf<T>(tensors: readonly (T | undefined)[]): readonly T[] | undefined {
  const all = tensors.filter((tensor) => tensor !== undefined);
  return all.length === tensors.length ? all : undefined;
}

function example(value: unknown): Pick<MediaType, 'example'> {
  return value === undefined ? {} : { example: value };
}

function hasHalf(tensors: readonly TensorMetadata[]): boolean {
  return tensors.some(({ datatype }) => hasNoJson(datatype));
}

function requestSchema(model: DescribedModel): Schema {
  const { inputs, outputs, optional, maxBatchSize } = model;
  const required = inputs.length - optional.size;
  const tensors = inputs.map((input) => inputSchema(input, maxBatchSize));
  return objectOf(
    {
      id: text,
      parameters: reference('parameters'),
      inputs: {
        type: 'array',
        items: tensors.length === 1 ? tensors[0] : { anyOf: tensors },
        minItems: required,
        maxItems: inputs.length,
      },
      outputs: {
        type: 'array',
        description: 'Without any, all outputs.',
        items: objectOf(
          { name: { enum: outputs.map(({ name }) => name) }, parameters: reference('parameters') },
          ['name'],
        ),
        maxItems: outputs.length,
      },
    },
    ['inputs'],
  );
}

/** `data` may be missing: its bytes may come behind the JSON, or stand in shared memory. */
function inputSchema({ name, datatype, shape }: TensorMetadata, maxBatchSize: number): Schema {
  const sizes = shape.map((size, index) =>
    sizeSchema(size, maxBatchSize > 0 && index === 0 ? maxBatchSize : undefined),
  );
  return objectOf(
    {
      name: { const: name },
      datatype: { const: datatype },
      shape: { type: 'array', prefixItems: sizes, minItems: sizes.length, maxItems: sizes.length },
      parameters: reference('parameters'),
      data: dataSchema(datatype),
    },
    // Without a shape it is a single value.
    sizes.length === 0 ? ['name', 'datatype'] : ['name', 'datatype', 'shape'],
  );
}

function sizeSchema(size: number, rows: number | undefined): Schema {
  if (size !== -1) return { const: size };
  return rows === undefined
    ? { type: 'integer', minimum: 0 }
    : { type: 'integer', minimum: 1, maximum: rows };
}

function dataSchema(datatype: string): Schema {
  const value = isDatatype(datatype) ? valueSchema(datatype) : {};
  const list = {
    type: 'array',
    description: 'Nested or flat.',
    items: { anyOf: [value, { type: 'array' }] },
  };
  // A value alone stands for a list of one.
  return { anyOf: [list, value] };
}

const jsonTypes = { number: 'number', integer: 'integer', boolean: 'boolean', text: 'string' } as const;

function valueSchema(datatype: Datatype): Schema {
  // Numbers stand for booleans where they are their bytes.
  if (datatype === 'BOOL') return { anyOf: [{ type: 'boolean' }, { enum: [0, 1] }] };
  const [least, most] = numberBounds(datatype) ?? [];
  return {
    type: jsonTypes[featureTypeOf[datatype]],
    ...(least === undefined ? {} : { minimum: exact(least) }),
    ...(most === undefined ? {} : { maximum: exact(most) }),
  };
}

/** Outputs' shapes are what the model declares, which it may depart from. */
function replySchema({ name, outputs }: DescribedModel): Schema {
  const tensor = objectOf(
    {
      name: { enum: outputs.map((output) => output.name) },
      datatype: { enum: [...new Set([...outputs.map(({ datatype }) => datatype), 'BYTES'])] },
      shape: listOf({ type: 'integer', minimum: 0 }),
      parameters: reference('parameters'),
      data: { type: 'array' },
    },
    ['name', 'datatype', 'shape'],
  );
  return objectOf(
    {
      id: text,
      model_name: { const: name },
      model_version: text,
      parameters: reference('parameters'),
      outputs: listOf(tensor),
    },
    ['model_name', 'model_version', 'outputs'],
  );
}

function generateSchema({ inputs, optional }: DescribedModel): Schema {
  const values = inputs.map(({ name, datatype }): readonly [string, Schema] => {
    const value = isDatatype(datatype) ? valueSchema(datatype) : {};
    return [name, { anyOf: [value, listOf(value)] }];
  });
  return objectOf(
    { id: text, ...Object.fromEntries(values) },
    inputs.filter(({ name }) => !optional.has(name)).map(({ name }) => name),
  );
}

function generatedSchema({ name, outputs }: DescribedModel): Schema {
  return objectOf(
    {
      id: text,
      model_name: { const: name },
      model_version: text,
      ...Object.fromEntries(outputs.map((output): readonly [string, Schema] => [output.name, {}])),
    },
    ['model_name', 'model_version'],
  );
}
