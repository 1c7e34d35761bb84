import {
  empty,
  json,
  operation,
  type ApiPart,
  type Content,
  type OperationSpec,
  type PathItem,
} from '../../open-api/api-part.ts';
import { objectOf, reference, type Schema } from '../../open-api/schema.ts';
import { count, text } from '../../open-api/schema.ts';

const binaryTypes = [
  'application/vnd.sagemaker-triton.binary+json',
  'application/vnd.vertex-ai-triton.binary+json',
] as const;

const schemas: Readonly<Record<string, Schema>> = {
  'score.request': {
    type: 'object',
    description: 'With one of these keys.',
    properties: {
      instances: { type: 'array' },
      inputs: {},
      features: {},
      dataframe_split: { type: 'object' },
      dataframe_records: { type: 'array' },
    },
  },
  'score.reply': { type: 'object' },
  'score.ready': objectOf({ ready: { type: 'boolean' } }, ['ready']),
};

interface Score {
  readonly id: string;
  readonly tag: string;
}

function score({ id, tag }: Score): PathItem {
  const binary = Object.fromEntries(binaryTypes.map((type) => [type, {}]));
  return {
    post: operation({
      id,
      tag,
      summary: 'Predictions of the default model, in the form that is asked in',
      body: {
        description: 'Rows, columns, tensors, features, a data frame, CSV, or tensors as bytes',
        content: {
          'application/json': { schema: reference('score.request') },
          'text/csv': { schema: text },
          ...binary,
        },
        required: true,
      },
      replies: {
        200: {
          description: 'Predictions',
          content: { 'application/json': { schema: reference('score.reply') }, 'text/csv': {}, ...binary },
        },
      },
      fails: 'runs',
    }),
  };
}

function probe({ id, tag }: Score, replies: OperationSpec['replies']): PathItem {
  return { get: operation({ id, tag, summary: 'Whether the server is well', replies, fails: 'never' }) };
}

const plainText = (description: string): Content => ({ description, content: { 'text/plain': {} } });

const sagemaker = 'Amazon SageMaker';

const sagemakerBase: ApiPart = {
  schemas: {
    ...schemas,
    'sagemaker.parameters': objectOf(
      { MaxConcurrentTransforms: count, BatchStrategy: text, MaxPayloadInMB: count },
      ['MaxConcurrentTransforms', 'BatchStrategy', 'MaxPayloadInMB'],
    ),
  },
  paths: {
    '/ping': probe(
      { id: 'sagemaker_ping', tag: sagemaker },
      { 200: empty('It is'), 503: empty('It is not') },
    ),
    '/invocations': score({ id: 'sagemaker_invocations', tag: sagemaker }),
    '/execution-parameters': {
      get: operation({
        id: 'sagemaker_execution_parameters',
        tag: sagemaker,
        summary: 'What batch transform jobs should send at a time',
        replies: { 200: json(reference('sagemaker.parameters'), 'The parameters') },
        fails: 'never',
      }),
    },
  },
};

const place = objectOf({ modelName: text, modelUrl: text }, ['modelName', 'modelUrl']);

const answered = (code: number, description: string): OperationSpec['replies'] => ({
  [code]: json(reference('error'), description),
});

const modelPaths: ApiPart['paths'] = {
  '/models': {
    get: operation({
      id: 'sagemaker_models',
      tag: sagemaker,
      summary: 'Models that are loaded',
      parameters: [
        { name: 'next_page_token', in: 'query', schema: { type: 'string', pattern: '^[0-9]{0,9}$' } },
      ],
      replies: { 200: json(reference('sagemaker.models'), 'The models') },
      fails: 'reads',
    }),
    post: operation({
      id: 'sagemaker_load',
      tag: sagemaker,
      summary: 'Loads a model from where the platform has put it',
      body: { ...json(reference('sagemaker.load'), 'The model'), required: true },
      replies: {
        200: empty('It is loaded'),
        ...answered(409, 'It was loaded before'),
        ...answered(507, 'There is no memory for it'),
      },
      fails: 'runs',
    }),
  },
  '/models/{model}': {
    get: operation({
      id: 'sagemaker_model',
      tag: sagemaker,
      summary: 'A model that is loaded',
      replies: { 200: json(reference('sagemaker.model'), 'The model') },
      fails: 'reads',
    }),
    delete: operation({
      id: 'sagemaker_unload',
      tag: sagemaker,
      summary: 'Unloads a model',
      replies: { 200: empty('It is unloaded') },
      fails: 'runs',
    }),
  },
  '/models/{model}/invoke': score({ id: 'sagemaker_invoke', tag: sagemaker }),
};

/** @param models many: the platform loads and unloads them. */
export function sagemakerPart(models: 'one' | 'many'): ApiPart {
  if (models === 'one') return sagemakerBase;
  return {
    schemas: {
      ...sagemakerBase.schemas,
      'sagemaker.model': place,
      'sagemaker.models': objectOf(
        { models: { type: 'array', items: reference('sagemaker.model') }, nextPageToken: text },
        ['models'],
      ),
      'sagemaker.load': objectOf({ model_name: text, url: text }, ['model_name', 'url']),
    },
    paths: { ...sagemakerBase.paths, ...modelPaths },
  };
}

/** The platform chooses the paths. */
export function vertexPart(predictRoute: string, healthRoute: string): ApiPart {
  const tag = 'Google Vertex AI';
  const ready = (description: string): Content => json(reference('score.ready'), description);
  return {
    schemas,
    paths: {
      [healthRoute]: probe({ id: 'vertex_health', tag }, { 200: ready('It is'), 503: ready('It is not') }),
      [predictRoute]: score({ id: 'vertex_predict', tag }),
    },
  };
}

const azure = 'Azure Machine Learning';

export const azurePart: ApiPart = {
  schemas,
  paths: {
    '/': probe(
      { id: 'azure_root', tag: azure },
      {
        200: { description: 'It is', content: { 'text/plain': {}, 'text/html': {} } },
      },
    ),
    '/live': probe({ id: 'azure_live', tag: azure }, { 200: plainText('It is') }),
    '/ready': probe(
      { id: 'azure_ready', tag: azure },
      { 200: plainText('It is'), 503: plainText('It is not') },
    ),
    '/score': score({ id: 'azure_score', tag: azure }),
  },
};
