import { ServingError } from '../../../../errors.ts';
import type { ModelCatalog } from '../../../../inference/catalog.ts';
import {
  json,
  operation,
  type ApiPart,
  type Content,
  type MediaType,
  type Operation,
  type OperationSpec,
  type PathItem,
} from '../../open-api/api-part.ts';
import type { DescribedModel } from '../../open-api/described-model.ts';
import { reference, type Schema } from '../../open-api/schema.ts';
import { rowExample, rowSchema } from './feature-schema.ts';
import { plainModel, type PlainModel } from './plain-model.ts';
import { plainSchemas } from './plain-schemas.ts';
import { maxRows } from './read-predict.ts';

const plainTag = 'Plain predictions';

/** The plain prediction API, with what each model takes and gives. */
export function plainPart(models: readonly DescribedModel[], catalog: ModelCatalog): ApiPart {
  const paths: Record<string, PathItem> = {};
  const schemas: Record<string, Schema> = { ...plainSchemas };
  for (const described of models.filter(answersOnce)) {
    const model = findModel(catalog, described.name);
    if (model === undefined) continue;
    Object.assign(paths, modelPaths(model, described.key));
    Object.assign(schemas, modelSchemas(model, described.key));
  }
  return { paths: { ...paths, ...sharedPaths }, schemas };
}

/** Models of several answers, and of requests that belong together, have forms of their own. */
function answersOnce({ decoupled, sequences }: DescribedModel): boolean {
  return !decoupled && !sequences;
}

/** The body of a prediction that the model takes; undefined where it would be long, or plain predictions are none of it. */
export function plainExample(described: DescribedModel, catalog: ModelCatalog): object | undefined {
  const model = answersOnce(described) ? findModel(catalog, described.name) : undefined;
  const features = model && rowExample(model);
  return features === undefined ? undefined : { features };
}

/** undefined for a model that has gone meanwhile. */
function findModel(catalog: ModelCatalog, name: string): PlainModel | undefined {
  try {
    return plainModel(catalog, name, '');
  } catch (error) {
    if (error instanceof ServingError) return undefined;
    throw error;
  }
}

type Spec = Omit<OperationSpec, 'errors' | 'tag'> & { readonly tag?: string };

function plainOperation({ tag = plainTag, ...spec }: Spec): Operation {
  return operation({ ...spec, tag, errors: 'plain.error' });
}

/** The four ways of asking for predictions below one path. */
interface Asking {
  readonly key: string;
  readonly tag: string;
  /** What is asked. */
  readonly of: string;
  readonly single: MediaType;
  readonly batch: MediaType;
  readonly prediction: MediaType;
  readonly predictions: MediaType;
}

const summaries = {
  predict: 'One prediction',
  predict_batch: 'Predictions for a list of rows',
  predict_async: 'One prediction, as a task',
  predict_batch_async: 'Predictions for a list of rows, as a task',
} as const;

function predictPaths(base: string, { key, tag, of, ...media }: Asking): Readonly<Record<string, PathItem>> {
  const predict = (
    name: keyof typeof summaries,
    content: MediaType,
    reply: readonly [string, MediaType],
  ): PathItem => ({
    post: plainOperation({
      id: `${key}_${name}`,
      tag,
      summary: `${summaries[name]} of ${of}`,
      body: { description: 'The features', content: { 'application/json': content }, required: true },
      replies: { [reply[0]]: { description: summaries[name], content: { 'application/json': reply[1] } } },
      fails: 'runs',
    }),
  });
  const task = { schema: reference('task') };
  return {
    [`${base}/predict`]: predict('predict', media.single, ['200', media.prediction]),
    [`${base}/predict/batch`]: predict('predict_batch', media.batch, ['200', media.predictions]),
    [`${base}/predict/async`]: predict('predict_async', media.single, ['202', task]),
    [`${base}/predict/batch/async`]: predict('predict_batch_async', media.batch, ['202', task]),
  };
}

function infoPath(key: string, of: string, tag = plainTag): PathItem {
  return {
    get: plainOperation({
      id: `${key}_info`,
      tag,
      summary: `Features and classes of ${of}`,
      replies: { 200: json(reference('info'), 'Features and classes') },
      fails: 'reads',
    }),
  };
}

function modelPaths(model: PlainModel, key: string): Readonly<Record<string, PathItem>> {
  const { name } = model;
  const base = `/v1/models/${encodeURIComponent(name)}`;
  const row = rowExample(model);
  const media = (schema: string, wrap: (row: unknown) => unknown): MediaType => ({
    schema: reference(`model.${key}.${schema}`),
    ...(row === undefined ? {} : { example: wrap(row) }),
  });
  const prediction = predictionExample(model);
  const source = { model: name, version: model.version };
  return {
    ...predictPaths(base, {
      key,
      tag: name,
      of: name,
      single: media('request', (features) => ({ features })),
      batch: media('batch', (features) => ({ features: [features, features] })),
      prediction: media('prediction', () => ({ ...prediction, ...source })),
      predictions: media('predictions', () => ({ predictions: [prediction, prediction], ...source })),
    }),
    [`${base}/info`]: infoPath(key, name, name),
  };
}

const anyModel = {
  tag: plainTag,
  single: { schema: reference('plain.request') },
  batch: { schema: reference('plain.request') },
  prediction: { schema: reference('plain.prediction') },
  predictions: { schema: reference('plain.prediction') },
} as const;

const defaultModel = {
  ...anyModel,
  of: 'the default model',
  single: { schema: reference('plain.unnamed') },
  batch: { schema: reference('plain.unnamed') },
} as const;

const health: Readonly<Record<string, Content>> = {
  200: json(reference('health'), 'They can'),
  503: json(reference('health'), 'They cannot, or not all'),
};

function healthPath(id: string): PathItem {
  return {
    get: plainOperation({ id, summary: 'Whether predictions can be had', replies: health, fails: 'never' }),
  };
}

/** Paths that are the same whatever is served. */
const sharedPaths: Readonly<Record<string, PathItem>> = {
  ...predictPaths('/v1/models/{model}', { ...anyModel, key: 'any', of: 'a model' }),
  ...predictPaths('/v1/models/{model}/versions/{version}', {
    ...anyModel,
    key: 'any_version',
    of: 'a version',
  }),
  ...predictPaths('/v1', { ...defaultModel, key: 'default' }),
  ...predictPaths('', { ...defaultModel, key: 'short' }),
  '/v1/models/{model}/info': infoPath('any', 'a model'),
  '/v1/models/{model}/versions/{version}/info': infoPath('any_version', 'a version'),
  '/v1/model/info': infoPath('default', 'the default model'),
  '/model/info': infoPath('short', 'the default model'),
  '/v1/tasks/{task}': {
    get: plainOperation({
      id: 'task',
      summary: 'How a task stands',
      replies: { 200: json(reference('task'), 'The task') },
      fails: 'reads',
    }),
    delete: plainOperation({
      id: 'delete_task',
      summary: 'Cancels a task that is pending, and forgets another',
      replies: { 200: json(reference('task'), 'The task as it was left') },
      fails: 'reads',
    }),
  },
  '/v1/health': healthPath('health'),
  '/health': healthPath('short_health'),
};

function modelSchemas(model: PlainModel, key: string): Readonly<Record<string, Schema>> {
  const id = { type: 'string', description: 'Comes back in the reply.' };
  const request = (features: Schema): Schema => ({
    type: 'object',
    properties: { features, id },
    required: ['features'],
    additionalProperties: false,
    ...(model.description === '' ? {} : { description: model.description }),
  });
  const row = reference(`model.${key}.row`);
  const prediction = predictionProperties(model);
  const source = { model: { const: model.name }, version: { type: 'string' }, id: { type: 'string' } };
  return {
    [`model.${key}.row`]: rowSchema(model),
    [`model.${key}.request`]: request(row),
    [`model.${key}.batch`]: request({ type: 'array', items: row, minItems: 1, maxItems: maxRows }),
    [`model.${key}.prediction`]: {
      type: 'object',
      properties: { ...prediction, ...source },
      required: [...Object.keys(prediction), 'model', 'version'],
    },
    [`model.${key}.predictions`]: {
      type: 'object',
      properties: {
        predictions: {
          type: 'array',
          items: { type: 'object', properties: prediction, required: Object.keys(prediction) },
        },
        ...source,
      },
      required: ['predictions', 'model', 'version'],
    },
  };
}

function predictionProperties({
  prediction: { classes, scores, scoresAre },
}: PlainModel): Record<string, Schema> {
  const share: Schema = { type: ['number', 'null'], minimum: 0, maximum: 1 };
  const isClass = classes.length > 0 && scores !== '';
  const named = classes.length > 0 && new Set(classes).size === classes.length;
  const byName = { type: 'object', properties: Object.fromEntries(classes.map((name) => [name, share])) };
  const list = { type: 'array', items: share };
  return {
    prediction: isClass ? { description: `One of the classes.`, examples: classes.slice(0, 3) } : {},
    probabilities:
      scores === '' || scoresAre === 'scores' ? { type: 'null' } : named ? { anyOf: [byName, list] } : list,
    confidence: scores === '' || scoresAre === 'scores' ? { type: 'null' } : share,
  };
}

/** Made up; of the first class where classes are named. */
function predictionExample({ prediction: { classes, scores, scoresAre } }: PlainModel): object {
  const [first, ...others] = classes;
  if (
    first === undefined ||
    scores === '' ||
    scoresAre === 'scores' ||
    new Set(classes).size < classes.length
  ) {
    const none = scores === '' || scoresAre === 'scores';
    return { prediction: first ?? 1, probabilities: none ? null : [0.9, 0.1], confidence: none ? null : 0.9 };
  }
  const rest = others.length === 0 ? 0 : 0.1 / others.length;
  const probabilities = { [first]: 0.9, ...Object.fromEntries(others.map((name) => [name, rest])) };
  return { prediction: first, probabilities, confidence: 0.9 };
}
