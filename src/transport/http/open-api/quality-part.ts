import { json, operation, type ApiPart, type OperationSpec, type PathItem } from './api-part.ts';
import { objectOf, reference, text, type Schema } from './schema.ts';

const tag = 'Monitoring';

/** Labels and quality of models that are monitored. */
export function qualityPart(): ApiPart {
  const paths = ['/v2/models/{model}', '/v2/models/{model}/versions/{version}'].map((base, index) =>
    qualityPaths(base, index === 0 ? 'model' : 'version'),
  );
  return { paths: Object.assign({}, ...paths), schemas };
}

function qualityPaths(base: string, key: string): Readonly<Record<string, PathItem>> {
  const reads = (id: string, summary: string): PathItem => ({
    get: operation({
      id: `${key}_${id}`,
      tag,
      summary,
      replies: { 200: json({ type: 'object' }, summary) },
      fails: 'reads',
    }),
  });
  return {
    [`${base}/quality`]: reads('quality', 'How well a model does'),
    [`${base}/quality/profile`]: reads('profile', 'What the traffic of a model is compared with'),
    [`${base}/quality.html`]: {
      get: operation({
        id: `${key}_quality_page`,
        tag,
        summary: 'How well a model does, as a page',
        replies: { 200: { description: 'The page', content: { 'text/html': {} } } },
        fails: 'reads',
      }),
    },
    [`${base}/feedback`]: { post: operation(feedback(key)) },
  };
}

function feedback(key: string): OperationSpec {
  return {
    id: `${key}_feedback`,
    tag,
    summary: 'Labels of requests that were answered, and what their answers were worth',
    body: { ...json(reference('feedback'), 'One request, or many'), required: true },
    replies: { 200: json({ type: 'object' }, 'What became of the labels and metrics') },
    fails: 'runs',
  };
}

const label: Schema = { type: ['string', 'number', 'boolean'] };
const metrics: Schema = { type: 'object', additionalProperties: { type: 'number' } };
const labelled = { id: text, label, labels: { type: 'array', items: label }, metrics };

const schemas: Readonly<Record<string, Schema>> = {
  feedback: objectOf(
    { principal: text, ...labelled, requests: { type: 'array', items: objectOf(labelled, ['id']) } },
    [],
  ),
};
