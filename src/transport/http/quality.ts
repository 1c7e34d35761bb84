import type { ModelCatalog } from '../../inference/catalog.ts';
import { reportFeedback } from '../../inference/feedback-metrics.ts';
import type { Label, LabelledRequest } from '../../inference/monitoring.ts';
import type { HttpServerOptions } from './http-server-options.ts';
import { reads, takes, type Endpoint } from './http-call.ts';
import type { JsonObject, JsonValue } from './json-reader.ts';
import { refuse } from './refuse.ts';
import { jsonReply } from './reply.ts';
import { bodyObject, isJsonObject } from './repository.ts';

/** Nothing but its own style runs in the page, whatever features are called. */
const pageHeaders = [
  'Content-Security-Policy',
  "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'X-Content-Type-Options',
  'nosniff',
  'Referrer-Policy',
  'no-referrer',
];

/** Labels come in with the scope of inference; reports show values of requests, so they need `admin`. */
export function createQualityEndpoints(
  { quality, reportMetric }: Pick<HttpServerOptions, 'quality' | 'reportMetric'>,
  catalog: ModelCatalog,
): readonly (readonly [string, Endpoint])[] {
  const card = reads('infer', ({ path: { model, version } }) => {
    catalog.metadata(model, version);
    return jsonReply(catalog.features(model, version)?.card ?? {});
  });
  const endpoints: readonly (readonly [string, Endpoint])[] = [['models/{model}/card', card]];
  if (quality === undefined) return endpoints;
  const feedback = takes('infer', async ({ path: { model, version }, context, body }) => {
    const fields = bodyObject(body);
    const requests = readRequests(fields);
    const principal = textField(fields, 'principal');
    const caller = context.principal;
    const labels = requests.filter((request) => request.labels.length > 0 || request.metrics.size === 0);
    // First: values that come again do no harm.
    const metrics =
      reportMetric === undefined || requests.every((request) => request.metrics.size === 0)
        ? {}
        : { metrics: await reportFeedback({ model, principal, requests }, caller, reportMetric) };
    // Of nobody nothing is asked; whether the model is there is told all the same.
    if (labels.length === 0 && requests.length > 0) return jsonReply(metrics);
    return jsonReply({
      ...(await quality.feedback({ model, version, principal, labels }, caller)),
      ...metrics,
    });
  });
  const report = reads('admin', async ({ path: { model, version } }) =>
    jsonReply(await quality.report(model, version)),
  );
  const profile = reads('admin', async ({ path: { model, version } }) =>
    jsonReply(await quality.profile(model, version)),
  );
  const page = reads('admin', async ({ path: { model, version } }) => ({
    status: 200,
    contentType: 'text/html; charset=utf-8',
    headers: pageHeaders,
    pieces: [Buffer.from(await quality.page(model, version))],
    compressible: true,
  }));
  return [
    ...endpoints,
    ['models/{model}/feedback', feedback],
    ['models/{model}/quality', report],
    ['models/{model}/quality/profile', profile],
    ['models/{model}/quality.html', page],
  ];
}

function textField(fields: JsonObject, name: string): string {
  const value = fields.get(name);
  if (value === undefined) return '';
  if (typeof value !== 'string') throw refuse.field(name, 'a text');
  return value;
}

interface ToldRequest extends LabelledRequest {
  readonly metrics: JsonObject;
}

const noMetrics: JsonObject = new Map();

/** `{"id":...,"label":...}`, or many of them in `requests`; `labels` for requests of several rows, `metrics` for what they were worth. */
function readRequests(fields: JsonObject): readonly ToldRequest[] {
  const many = fields.get('requests');
  if (many === undefined) return [readRequest(fields)];
  if (!Array.isArray(many)) throw refuse.field('requests', 'a list');
  return many.map((item: JsonValue) => {
    if (!(item instanceof Map)) throw refuse.field('requests', 'a list of objects');
    return readRequest(item);
  });
}

function readRequest(fields: JsonObject): ToldRequest {
  const id = textField(fields, 'id');
  if (id === '') throw refuse.field('id', 'the id of a request');
  const one = fields.get('label');
  const many = fields.get('labels');
  const metrics = fields.get('metrics') ?? noMetrics;
  if (!isJsonObject(metrics)) throw refuse.field('metrics', 'an object of numbers');
  if (one === undefined && many === undefined && metrics.size > 0) return { id, labels: [], metrics };
  if ((one === undefined) === (many === undefined))
    throw refuse.field('label', 'a label, or a list in labels');
  if (many !== undefined && !Array.isArray(many)) throw refuse.field('labels', 'a list');
  const values: readonly (JsonValue | undefined)[] = Array.isArray(many) ? many : [one];
  return { id, labels: values.map(readLabel), metrics };
}

function readLabel(value: JsonValue | undefined): Label {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  throw refuse.field('label', 'a text, a number, true or false');
}
