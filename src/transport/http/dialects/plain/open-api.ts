import type { ModelCatalog } from '../../../../inference/catalog.ts';
import type { Handler } from '../../http-call.ts';
import { jsonReply } from '../../reply.ts';
import { readyModels } from '../default-model.ts';
import type { DialectServices } from '../dialect-services.ts';
import { rowExample, rowSchema, type Schema } from './feature-schema.ts';
import { commonSchemas, jsonOf, reference, refusals, taskPaths } from './open-api-parts.ts';
import { plainModel, type PlainModel } from './plain-model.ts';
import { maxRows } from './read-predict.ts';

/** OpenAPI 3.1 of the plain prediction API, with what each ready model takes and gives. */
export function createOpenApi({ catalog, serverVersion }: DialectServices): Handler {
  return () => jsonReply(openApi(catalog, serverVersion));
}

function openApi(catalog: ModelCatalog, serverVersion: string): object {
  const models = readyModels(catalog)
    .filter((name) => answersOnce(catalog, name))
    .map((name) => plainModel(catalog, name, ''));
  const paths: Record<string, unknown> = {};
  const schemas: Record<string, Schema> = { ...commonSchemas };
  const keys = new Set<string>();
  for (const [index, model] of models.entries()) {
    const plainName = model.name.replace(/[^\w.-]/g, '_');
    const key = keys.has(plainName) ? `${plainName}_${index}` : plainName;
    keys.add(key);
    Object.assign(paths, modelPaths(model, key));
    Object.assign(schemas, modelSchemas(model, key));
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Predictions',
      version: serverVersion,
      description: 'Predictions from features, without tensors.',
    },
    paths: { ...paths, ...taskPaths },
    components: {
      schemas,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        key: { type: 'apiKey', in: 'header', name: 'x-api-key' },
      },
    },
    // Keys are needed only where the server has a file of them.
    security: [{}, { bearer: [] }, { key: [] }],
  };
}

/** Models of several answers, and of requests that belong together, have forms of their own. */
function answersOnce(catalog: ModelCatalog, name: string): boolean {
  const config = catalog.config(name, '');
  const policy = new Map(Object.entries(Object(config['model_transaction_policy'])));
  return policy.get('decoupled') !== true && config['sequence_batching'] === undefined;
}

function modelPaths(model: PlainModel, key: string): Record<string, unknown> {
  const base = `/v1/models/${encodeURIComponent(model.name)}`;
  const one = rowExample(model);
  const single = {
    schema: reference(`model.${key}.request`),
    ...exampleOf(one, (row) => ({ features: row })),
  };
  const batch = {
    schema: reference(`model.${key}.batch`),
    ...exampleOf(one, (row) => ({ features: [row, row] })),
  };
  const predict = (name: string, content: object, reply: string, status: string): object => ({
    post: {
      operationId: `${key}_${name}`,
      tags: [model.name],
      summary: `${summaries[name] ?? ''} of ${model.name}`,
      requestBody: { required: true, content: { 'application/json': content } },
      responses: { [status]: jsonOf(reply, summaries[name] ?? ''), ...refusals },
    },
  });
  return {
    [`${base}/predict`]: predict('predict', single, `model.${key}.prediction`, '200'),
    [`${base}/predict/batch`]: predict('predict_batch', batch, `model.${key}.predictions`, '200'),
    [`${base}/predict/async`]: predict('predict_async', single, 'task', '202'),
    [`${base}/predict/batch/async`]: predict('predict_batch_async', batch, 'task', '202'),
    [`${base}/info`]: {
      get: {
        operationId: `${key}_info`,
        tags: [model.name],
        summary: `Features and classes of ${model.name}`,
        responses: { '200': jsonOf('info', 'Features and classes'), ...refusals },
      },
    },
  };
}

const summaries: Readonly<Record<string, string>> = {
  predict: 'One prediction',
  predict_batch: 'Predictions for a list of rows',
  predict_async: 'One prediction, as a task',
  predict_batch_async: 'Predictions for a list of rows, as a task',
};

function exampleOf(row: unknown, wrap: (row: unknown) => object): object {
  return row === undefined ? {} : { example: wrap(row) };
}

function modelSchemas(model: PlainModel, key: string): Record<string, Schema> {
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
