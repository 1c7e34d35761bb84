import {
  json,
  operation,
  type ApiPart,
  type Operation,
  type OperationSpec,
  type PathItem,
} from '../../open-api/api-part.ts';
import { count, listOf, objectOf, reference, text, type Schema } from '../../open-api/schema.ts';

/** TorchServe's inference interface and, where models are loaded on request, its management interface. */
export function torchservePart(controls: boolean): ApiPart {
  const paths: Record<string, PathItem> = {
    '/ping': {
      get: torchserve({
        id: 'torchserve_ping',
        summary: 'Whether the server is well',
        replies: {
          200: json(reference('torchserve.status'), 'It is'),
          500: json(reference('torchserve.status'), 'It is not'),
        },
        fails: 'never',
      }),
    },
    '/predictions/{model}': predictions('torchserve_predict', 'One row'),
    '/predictions/{model}/{label}': predictions('torchserve_version_predict', 'One row, by a version'),
    '/explanations/{model}': {
      post: torchserve({
        id: 'torchserve_explain',
        summary: 'Explanations, which models have none of: 501',
        replies: {},
        fails: 'runs',
      }),
    },
    '/models': { ...list, ...(controls ? register : {}) },
    '/models/{model}': { ...describes('torchserve_model', 'A model'), ...(controls ? changes : {}) },
    '/models/{model}/all': describes('torchserve_versions', 'All versions of a model'),
    '/models/{model}/{label}': {
      ...describes('torchserve_version', 'A version of a model'),
      ...(controls
        ? { delete: change('torchserve_unregister_version', 'Unloads a model by its only version') }
        : {}),
    },
  };
  return { paths, schemas };
}

function torchserve(spec: Omit<OperationSpec, 'tag' | 'errors'>): Operation {
  return operation({ ...spec, tag: 'TorchServe', errors: 'torchserve.error' });
}

function predictions(id: string, summary: string): PathItem {
  return {
    post: torchserve({
      id,
      summary,
      body: {
        description: 'The only input as JSON or as bytes, or all of them by name as JSON or as a form',
        content: {
          'application/json': {},
          'application/octet-stream': {
            schema: { type: 'string', contentMediaType: 'application/octet-stream' },
          },
          'multipart/form-data': { schema: { type: 'object' } },
        },
        required: true,
      },
      replies: {
        200: { description: 'The only output, or all of them by name', content: { 'application/json': {} } },
      },
      fails: 'runs',
    }),
  };
}

function query(name: string, schema: Schema, required = false): object {
  return { name, in: 'query', required, schema };
}

const workers: Schema = { type: 'integer', minimum: 1, maximum: 64 };

function describes(id: string, summary: string): PathItem {
  return {
    get: torchserve({
      id,
      summary,
      replies: { 200: json(reference('torchserve.models'), summary) },
      fails: 'reads',
    }),
  };
}

function change(id: string, summary: string, parameters: readonly object[] = []): Operation {
  return torchserve({
    id,
    summary,
    parameters,
    replies: {
      200: json(reference('torchserve.status'), 'It is done'),
      409: json(reference('torchserve.error'), 'It is already so'),
    },
    fails: 'runs',
  });
}

const list: PathItem = {
  get: torchserve({
    id: 'torchserve_models',
    summary: 'Names of the models that are ready, in pages',
    parameters: [query('limit', { type: 'integer', minimum: 1 }), query('next_page_token', count)],
    replies: { 200: json(reference('torchserve.list'), 'The names') },
    fails: 'reads',
  }),
};

const register: PathItem = {
  post: change('torchserve_register', 'Loads a model of the repository', [
    query('url', text, true),
    query('initial_workers', workers),
  ]),
};

const changes: PathItem = {
  put: change('torchserve_scale', 'Loads a model anew with as many instances', [
    query('min_worker', workers),
  ]),
  delete: change('torchserve_unregister', 'Unloads a model'),
};

const schemas: Readonly<Record<string, Schema>> = {
  'torchserve.error': objectOf({ code: count, type: text, message: text }, ['code', 'type', 'message']),
  'torchserve.status': objectOf({ status: text }, ['status']),
  'torchserve.list': objectOf(
    { models: listOf(objectOf({ modelName: text, modelUrl: text }, ['modelName'])), nextPageToken: text },
    ['models'],
  ),
  'torchserve.models': listOf(
    objectOf({ modelName: text, modelVersion: text }, ['modelName', 'modelVersion']),
  ),
};
