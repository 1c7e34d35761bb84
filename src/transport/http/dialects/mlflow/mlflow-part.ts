import {
  json,
  operation,
  type ApiPart,
  type Content,
  type OperationSpec,
  type PathItem,
} from '../../open-api/api-part.ts';
import { objectOf, reference, text, type Schema } from '../../open-api/schema.ts';

const tag = 'MLflow';

/** The scoring server of `mlflow models serve`. */
export const mlflowPart: ApiPart = {
  paths: {
    '/invocations': {
      post: operation({
        id: 'mlflow_invocations',
        tag,
        summary: 'Predictions of the default model',
        body: {
          description: 'Tensors, a data frame, or CSV with a line of names',
          content: {
            'application/json': { schema: reference('mlflow.request') },
            'text/csv': { schema: text },
          },
          required: true,
        },
        replies: {
          200: json(reference('mlflow.reply'), 'Predictions'),
          415: { description: 'Another content type', content: { 'text/plain': {} } },
        },
        fails: 'runs',
        errors: 'mlflow.error',
      }),
    },
    '/ping': probe('ping'),
    '/health': probe('health'),
    '/version': {
      get: open('version', 'Version of the server', { 200: shortText('The version') }),
    },
  },
  schemas: {
    'mlflow.error': objectOf({ error_code: text, message: text }, ['error_code', 'message']),
    'mlflow.request': {
      type: 'object',
      properties: {
        dataframe_split: { type: 'object' },
        dataframe_records: { type: 'array', items: { type: 'object' } },
        instances: { type: 'array' },
        inputs: {},
      },
    } satisfies Schema,
    'mlflow.reply': objectOf({ predictions: {} }, ['predictions']),
  },
};

function probe(name: string): PathItem {
  return {
    get: open(name, 'Whether a model is ready', { 200: shortText('It is'), 404: shortText('It is not') }),
  };
}

function open(
  name: string,
  summary: string,
  replies: OperationSpec['replies'],
): ReturnType<typeof operation> {
  return operation({ id: `mlflow_${name}`, tag, summary, replies, fails: 'never' });
}

/** Texts that MLflow sends under the type of JSON, which they are not. */
function shortText(description: string): Content {
  return { description, content: { 'application/json': {} } };
}
