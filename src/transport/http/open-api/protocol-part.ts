import {
  empty,
  json,
  operation,
  type ApiPart,
  type Content,
  type Operation,
  type OperationSpec,
  type PathItem,
} from './api-part.ts';
import type { DescribedModel } from './described-model.ts';
import { binaryType, eventType, inferPart, jsonLengthParameter } from './infer-part.ts';
import { protocolSchemas } from './protocol-schemas.ts';
import { qualityPart } from './quality-part.ts';
import { listOf, reference } from './schema.ts';

/** What of the protocol the options of the server leave. */
export interface ProtocolAbilities {
  /** Models are loaded and unloaded on request. */
  readonly controls: boolean;
  /** Settings may be changed. */
  readonly changesSettings: boolean;
  readonly sharesMemory: boolean;
  /** Models are monitored, and take labels. */
  readonly monitors: boolean;
}

/** The headings, in the order in which they are shown. */
export const protocolTags = {
  models: 'Models',
  health: 'Health',
  repository: 'Model repository',
  settings: 'Settings',
  memory: 'Shared memory',
} as const;

/** The Open Inference Protocol with Triton's extensions: everything below `/v2` that is not switched off. */
export function protocolPart(models: readonly DescribedModel[], abilities: ProtocolAbilities): ApiPart {
  const inference = inferPart(models);
  const quality = abilities.monitors ? qualityPart() : { paths: {}, schemas: {} };
  return {
    paths: {
      ...inference.paths,
      ...healthPaths,
      ...modelPaths,
      ...quality.paths,
      ...repositoryPaths(abilities),
      ...settingsPaths(abilities),
      ...(abilities.sharesMemory ? memoryPaths : {}),
    },
    schemas: { ...protocolSchemas, ...quality.schemas, ...inference.schemas },
  };
}

type Spec = Omit<OperationSpec, 'tag' | 'fails' | 'replies'> &
  Partial<Pick<OperationSpec, 'fails' | 'replies'>> & { readonly reply?: Content };

/** An operation that reads, with one reply. */
function one(tag: string, { reply, replies, fails = 'reads', ...spec }: Spec): Operation {
  return operation({ ...spec, tag, fails, replies: replies ?? (reply === undefined ? {} : { 200: reply }) });
}

function told(schema: string, description: string): Content {
  return json(reference(schema), description);
}

/** A body that may also be left out. */
function asked(schema: string, description: string): NonNullable<OperationSpec['body']> {
  return { ...json(reference(schema), description), required: false };
}

const ready = (of: string): Content =>
  json({ type: 'object', properties: { ready: { type: 'boolean' } } }, of);

const healthPaths: Readonly<Record<string, PathItem>> = {
  '/v2': {
    get: one(protocolTags.health, {
      id: 'server',
      summary: 'Name, version and extensions of the server',
      reply: told('server', 'The server'),
    }),
  },
  '/v2/health/live': {
    get: one(protocolTags.health, {
      id: 'live',
      summary: 'Whether the server runs',
      fails: 'never',
      reply: json({ type: 'object', properties: { live: { const: true } } }, 'It does'),
    }),
  },
  '/v2/health/ready': {
    get: one(protocolTags.health, {
      id: 'ready',
      summary: 'Whether the server and its models are ready',
      fails: 'never',
      replies: { 200: ready('They are'), 400: ready('They are not') },
    }),
  },
};

function pathsOfModel(base: string, key: string): Readonly<Record<string, PathItem>> {
  const inferBody = {
    description: 'Tensors as JSON, or with bytes behind it',
    content: {
      'application/json': { schema: reference('infer.request') },
      [binaryType]: { schema: { type: 'string', contentMediaType: binaryType } },
    },
    required: true,
  };
  const inferReply = {
    description: 'The outputs',
    content: { 'application/json': { schema: reference('infer.reply') }, [binaryType]: {} },
  };
  const generate = { ...json(reference('generate.request'), 'Inputs by name'), required: true };
  const asks = (id: string, summary: string, spec: Omit<Spec, 'id' | 'summary'>): PathItem => ({
    post: one(protocolTags.models, { id: `${key}_${id}`, summary, fails: 'runs', ...spec }),
  });
  const events = { description: 'Server-sent events', content: { [eventType]: {} } };
  return {
    [base]: {
      get: one(protocolTags.models, {
        id: `${key}_metadata`,
        summary: 'Inputs, outputs and versions of a model',
        reply: told('model', 'The model'),
      }),
    },
    [`${base}/ready`]: {
      get: operation({
        id: `${key}_ready`,
        tag: protocolTags.models,
        summary: 'Whether a model is ready',
        replies: { 200: told('readiness', 'It is') },
        fails: 'reads',
      }),
    },
    [`${base}/config`]: {
      get: one(protocolTags.models, {
        id: `${key}_config`,
        summary: 'Configuration of a model',
        reply: told('config', 'The configuration'),
      }),
    },
    [`${base}/stats`]: {
      get: one(protocolTags.models, {
        id: `${key}_stats`,
        summary: 'Statistics of a model',
        reply: told('statistics', 'The statistics'),
      }),
    },
    [`${base}/card`]: {
      get: one(protocolTags.models, {
        id: `${key}_card`,
        summary: 'What the file beside the model says of its purpose and limits',
        reply: json({ type: 'object' }, 'The card; empty where there is none'),
      }),
    },
    [`${base}/infer`]: asks('infer', 'Inference', {
      parameters: [jsonLengthParameter],
      body: inferBody,
      reply: inferReply,
    }),
    [`${base}/infer_stream`]: asks('infer_stream', 'Inference, with an event for each answer', {
      body: { ...json(reference('infer.request'), 'Tensors as JSON'), required: true },
      reply: events,
    }),
    [`${base}/generate`]: asks('generate', 'Inference with a plain object', {
      body: generate,
      reply: told('generate.reply', 'The outputs by name'),
    }),
    [`${base}/generate_stream`]: asks(
      'generate_stream',
      'Inference with a plain object, with an event for each answer',
      {
        body: generate,
        reply: events,
      },
    ),
  };
}

const modelPaths: Readonly<Record<string, PathItem>> = {
  '/v2/models': {
    get: one(protocolTags.models, {
      id: 'models',
      summary: 'Names of the models that are ready',
      reply: told('names', 'The names'),
    }),
  },
  '/v2/models/stats': {
    get: one(protocolTags.models, {
      id: 'stats',
      summary: 'Statistics of all models',
      reply: told('statistics', 'The statistics'),
    }),
  },
  ...pathsOfModel('/v2/models/{model}', 'model'),
  ...pathsOfModel('/v2/models/{model}/versions/{version}', 'version'),
};

function repositoryPaths({ controls }: ProtocolAbilities): Readonly<Record<string, PathItem>> {
  const change = (action: 'load' | 'unload', summary: string): PathItem => ({
    post: one(protocolTags.repository, {
      id: `repository_${action}`,
      summary,
      fails: 'runs',
      body: asked(`${action}.request`, 'Parameters'),
      reply: empty('It is done'),
    }),
  });
  const base = '/v2/repository/models/{model}';
  return {
    '/v2/repository/index': {
      post: one(protocolTags.repository, {
        id: 'repository_index',
        summary: 'All models and their states',
        body: asked('index.request', 'Whether only those that are ready'),
        reply: told('index', 'The models'),
      }),
    },
    ...(controls
      ? {
          [`${base}/load`]: change('load', 'Loads a model, or loads it anew'),
          [`${base}/unload`]: change('unload', 'Unloads a model'),
        }
      : {}),
  };
}

function settingsPaths({ changesSettings }: ProtocolAbilities): Readonly<Record<string, PathItem>> {
  const settings = (id: string, what: string, schema: string): PathItem => ({
    get: one(protocolTags.settings, { id, summary: what, reply: told(`${schema}.settings`, what) }),
    ...(changesSettings
      ? {
          post: one(protocolTags.settings, {
            id: `change_${id}`,
            summary: `${what}: changes them`,
            body: asked(`${schema}.change`, 'What changes'),
            reply: told(`${schema}.settings`, 'As they are now'),
          }),
        }
      : {}),
  });
  return {
    '/v2/trace/setting': settings('trace_settings', 'Trace settings', 'trace'),
    '/v2/models/{model}/trace/setting': settings(
      'model_trace_settings',
      'Trace settings of a model',
      'trace',
    ),
    '/v2/logging': settings('log_settings', 'Log settings', 'log'),
  };
}

function regionPaths(
  area: string,
  what: string,
  schemas: { asked: string; told: object },
): Readonly<Record<string, PathItem>> {
  const key = area.slice(0, area.indexOf('shared'));
  const one_ = `/v2/${area}/region/{region}`;
  const status = (id: string): PathItem => ({
    get: one(protocolTags.memory, {
      id,
      summary: `Regions of ${what} shared memory`,
      reply: json(listOf(schemas.told as Readonly<Record<string, unknown>>), 'The regions'),
    }),
  });
  const unregister = (id: string): PathItem => ({
    post: one(protocolTags.memory, {
      id,
      summary: `Forgets regions of ${what} shared memory`,
      reply: empty('Done'),
    }),
  });
  return {
    [`/v2/${area}/status`]: status(`${key}_regions`),
    [`/v2/${area}/unregister`]: unregister(`${key}_unregister_all`),
    [`${one_}/status`]: status(`${key}_region`),
    [`${one_}/unregister`]: unregister(`${key}_unregister`),
    [`${one_}/register`]: {
      post: one(protocolTags.memory, {
        id: `${key}_register`,
        summary: `Registers a region of ${what} shared memory`,
        fails: 'runs',
        body: { ...json(reference(schemas.asked), 'Where it is'), required: true },
        reply: empty('Done'),
      }),
    },
  };
}

const memoryPaths: Readonly<Record<string, PathItem>> = {
  ...regionPaths('systemsharedmemory', 'system', { asked: 'region.request', told: reference('region') }),
  ...regionPaths('cudasharedmemory', 'CUDA', { asked: 'cuda.request', told: { type: 'object' } }),
};
