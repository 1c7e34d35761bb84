import {
  json,
  operation,
  type ApiPart,
  type MediaType,
  type Operation,
  type OperationSpec,
  type PathItem,
} from '../../open-api/api-part.ts';
import type { DescribedModel } from '../../open-api/described-model.ts';
import { exampleTensor } from '../../open-api/example-tensor.ts';
import { listOf, objectOf, reference, text, type Schema } from '../../open-api/schema.ts';

const tag = 'KServe v1, TensorFlow Serving';

/** Which of the two are on. */
export interface V1Forms {
  readonly kserve: boolean;
  readonly tensorflow: boolean;
}

/** KServe's first protocol and TensorFlow Serving's REST form. */
export function v1Part(models: readonly DescribedModel[], { kserve, tensorflow }: V1Forms): ApiPart {
  const examples = rowExamples(models);
  const newest = '/v1/models/{model}';
  const paths: Record<string, PathItem> = {
    [`${newest}:predict`]: predict('v1_predict', tensorflow, examples),
  };
  if (tensorflow) {
    Object.assign(paths, tensorflowPaths(newest, 'v1'));
    for (const part of ['version', 'label'] as const) {
      const base = `${newest}/${part}s/{${part}}`;
      paths[`${base}:predict`] = predict(`v1_${part}_predict`, true, {});
      Object.assign(paths, tensorflowPaths(base, `v1_${part}`));
      paths[base] = get({ id: `v1_${part}_status`, summary: 'State of a version', reply: 'v1.status' });
    }
    paths[newest] = get({ id: 'v1_status', summary: 'State of the versions of a model', reply: 'v1.status' });
  }
  if (kserve) Object.assign(paths, kservePaths(newest, tensorflow));
  return { paths, schemas };
}

interface Reading extends Pick<OperationSpec, 'id' | 'summary'> {
  readonly reply: string;
}

function get({ id, summary, reply }: Reading): PathItem {
  return {
    get: v1Operation({ id, summary, replies: { 200: json(reference(reply), summary) }, fails: 'reads' }),
  };
}

function v1Operation(spec: Omit<OperationSpec, 'tag'>): Operation {
  return operation({ ...spec, tag });
}

function predict(id: string, tensorflow: boolean, examples: Pick<MediaType, 'examples'>): PathItem {
  return {
    post: v1Operation({
      id,
      summary: 'Predictions for rows',
      description: tensorflow
        ? '`instances` are rows and answered with `predictions`, `inputs` are columns and answered with `outputs`.'
        : '`instances` are rows and answered with `predictions`.',
      body: { ...json(reference('v1.predict'), 'Rows or columns', examples), required: true },
      replies: { 200: json(reference('v1.predictions'), 'Predictions') },
      fails: 'runs',
    }),
  };
}

function tensorflowPaths(base: string, id: string): Readonly<Record<string, PathItem>> {
  const score = (what: 'classify' | 'regress', summary: string): PathItem => ({
    post: v1Operation({
      id: `${id}_${what}`,
      summary,
      body: { ...json(reference('v1.examples'), 'Examples of features by name'), required: true },
      replies: { 200: json(reference('v1.result'), summary) },
      fails: 'runs',
    }),
  });
  return {
    [`${base}:classify`]: score('classify', 'Classes and their scores for examples'),
    [`${base}:regress`]: score('regress', 'A value for each example'),
    [`${base}/metadata`]: get({
      id: `${id}_metadata`,
      summary: 'The signature of a model',
      reply: 'v1.metadata',
    }),
  };
}

function kservePaths(newest: string, tensorflow: boolean): Readonly<Record<string, PathItem>> {
  const readiness = tensorflow ? 'v1.ready_status' : 'v1.readiness';
  return {
    [newest]: {
      get: v1Operation({
        id: 'v1_ready',
        summary: 'Whether a model is ready',
        replies: {
          200: json(reference(readiness), 'It is'),
          503: json({ anyOf: [reference(readiness), reference('error')] }, 'It is not'),
        },
        fails: 'reads',
      }),
    },
    '/v1/models': get({ id: 'v1_models', summary: 'Names of the models that are ready', reply: 'names' }),
    '/': {
      get: v1Operation({
        id: 'v1_alive',
        summary: 'Whether the server runs',
        replies: { 200: { description: 'It does', content: { 'application/json': {}, 'text/html': {} } } },
        fails: 'never',
      }),
    },
  };
}

/** One row for each model whose rows JSON can carry. */
function rowExamples(models: readonly DescribedModel[]): Pick<MediaType, 'examples'> {
  const examples: Record<string, { readonly value: object }> = {};
  for (const model of models) {
    const row = rowOf(model);
    if (row !== undefined) examples[model.name] = { value: { instances: [row] } };
  }
  return Object.keys(examples).length === 0 ? {} : { examples };
}

/** A row as both protocols take it: the value of the only input, or of each by its name. */
export function rowOf({ inputs, maxBatchSize, decoupled, sequences }: DescribedModel): unknown {
  if (decoupled || sequences || maxBatchSize === 0) return undefined;
  const rows = new Map<string, unknown>();
  for (const input of inputs) {
    const tensor = exampleTensor(input);
    if (tensor === undefined) return undefined;
    rows.set(input.name, nested(tensor.data, tensor.shape.slice(1)));
  }
  const [only, more] = rows.values();
  return more === undefined ? only : Object.fromEntries(rows);
}

function nested(values: readonly unknown[], shape: readonly number[]): unknown {
  const [size, ...inner] = shape;
  if (size === undefined) return values[0];
  if (inner.length === 0) return values;
  const step = values.length / size;
  return Array.from({ length: size }, (_, index) =>
    nested(values.slice(index * step, (index + 1) * step), inner),
  );
}

const versionStatus = listOf(
  objectOf(
    {
      version: text,
      state: { enum: ['UNKNOWN', 'START', 'LOADING', 'AVAILABLE', 'UNLOADING', 'END'] },
      status: objectOf({ error_code: text, error_message: text }, ['error_code', 'error_message']),
    },
    ['version', 'state', 'status'],
  ),
);

const schemas: Readonly<Record<string, Schema>> = {
  names: objectOf({ models: listOf(text) }, ['models']),
  'v1.predict': {
    type: 'object',
    properties: { signature_name: text, instances: { type: 'array' }, inputs: {} },
    anyOf: [{ required: ['instances'] }, { required: ['inputs'] }],
  },
  'v1.predictions': {
    type: 'object',
    properties: { predictions: { type: 'array' }, outputs: {} },
    anyOf: [{ required: ['predictions'] }, { required: ['outputs'] }],
  },
  'v1.examples': objectOf(
    {
      signature_name: text,
      context: { type: 'object' },
      examples: { type: 'array', items: { type: 'object' } },
    },
    ['examples'],
  ),
  'v1.result': objectOf({ result: { type: 'array' } }, ['result']),
  'v1.status': objectOf({ model_version_status: versionStatus }, ['model_version_status']),
  'v1.readiness': objectOf({ name: text, ready: { type: 'boolean' } }, ['name', 'ready']),
  'v1.ready_status': objectOf(
    { name: text, ready: { type: 'boolean' }, model_version_status: versionStatus },
    ['name', 'ready', 'model_version_status'],
  ),
  'v1.metadata': objectOf({ model_spec: { type: 'object' }, metadata: { type: 'object' } }, [
    'model_spec',
    'metadata',
  ]),
};
