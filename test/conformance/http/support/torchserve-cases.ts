/** A request in TorchServe's words, and what must come back. */
export interface TorchserveCase {
  readonly title: string;
  readonly method: string;
  readonly path: string;
  readonly body: string | null;
  /** Content-Type; '' for none of our own. */
  readonly type: string;
  readonly status: number;
  /** The whole reply; of an error its type and a part of its text. */
  readonly reply: unknown;
}

const json = 'application/json';

function get(title: string, path: string, reply: unknown, status = 200): TorchserveCase {
  return { title, method: 'GET', path, body: null, type: '', status, reply };
}

function predict(title: string, path: string, body: string, reply: unknown, type = json): TorchserveCase {
  return { title, method: 'POST', path: `/predictions/${path}`, body, type, status: 200, reply };
}

function description(model: string, version: string, batchSize: number): object {
  return {
    modelName: model,
    modelVersion: version,
    modelUrl: model,
    runtime: 'onnxruntime_onnx',
    minWorkers: 1,
    maxWorkers: 1,
    batchSize,
    maxBatchDelay: 0,
    workers: [{ id: '0', status: 'READY' }],
  };
}

function named(...names: readonly string[]): readonly object[] {
  return names.map((name) => ({ modelName: name, modelUrl: name }));
}

const form = [
  '--b',
  'Content-Disposition: form-data; name="a"',
  'Content-Type: application/json',
  '',
  '[1,2]',
  '--b',
  'Content-Disposition: form-data; name="b"',
  'Content-Type: application/json',
  '',
  '[10,20]',
  '--b--',
  '',
].join('\r\n');

export const torchserveAnswerCases: readonly TorchserveCase[] = [
  get('ping tells health', '/ping', { status: 'Healthy' }),
  predict('a prediction is one row', 'pair', '{"a":[1,2],"b":[10,20]}', {
    sum: [11, 22],
    difference: [-9, -18],
  }),
  predict(
    'a form has a part for each input',
    'pair',
    form,
    { sum: [11, 22], difference: [-9, -18] },
    'multipart/form-data; boundary=b',
  ),
  predict('a version is asked as 1.0 or 1', 'pair/1.0', '{"a":[1,2],"b":[10,20]}', {
    sum: [11, 22],
    difference: [-9, -18],
  }),
  predict('a version is asked as 1', 'pair/1', '{"a":[1,2],"b":[10,20]}', {
    sum: [11, 22],
    difference: [-9, -18],
  }),
  get('models are listed', '/models', { models: named('floats', 'mlp', 'pair', 'text', 'versions') }),
  get('models are listed in pages', '/models?limit=2&next_page_token=2', {
    nextPageToken: '4',
    models: named('pair', 'text'),
  }),
  get('a model is described', '/models/mlp', [description('mlp', '1', 8)]),
  get('the newest version is described', '/models/versions', [description('versions', '3', 8)]),
  get('one version is described', '/models/versions/1.0', [description('versions', '1', 8)]),
  get('all versions are described', '/models/versions/all', [
    description('versions', '1', 8),
    description('versions', '3', 8),
  ]),
];

interface Refused {
  readonly method?: string;
  readonly body?: string;
  readonly type?: string;
  readonly status: number;
  readonly error: string;
  readonly text: string;
}

function refused(
  title: string,
  path: string,
  { method = 'POST', body, type = json, status, error, text }: Refused,
): TorchserveCase {
  const hasBody = body !== undefined;
  return {
    title,
    method,
    path,
    body: body ?? null,
    type: hasBody ? type : '',
    status,
    reply: { type: error, text },
  };
}

const bad = { status: 400, error: 'BadRequestException' } as const;
const unknown = { status: 404, error: 'ModelNotFoundException' } as const;

export const torchserveErrorCases: readonly TorchserveCase[] = [
  refused('an explanation, which no ONNX model gives', '/explanations/mlp', {
    status: 501,
    error: 'BadRequestException',
    body: '[1]',
    text: 'no explanations',
  }),
  refused('an explanation of an unknown model', '/explanations/nope', {
    ...unknown,
    body: '[1]',
    text: 'nope',
  }),
  refused('a prediction of an unknown model', '/predictions/nope', { ...unknown, body: '[1]', text: 'nope' }),
  refused('a prediction of an unknown version', '/predictions/mlp/9.0', {
    ...unknown,
    body: '[1]',
    text: '9',
  }),
  refused('a prediction of what is no version', '/predictions/mlp/x', {
    status: 404,
    error: 'ModelVersionNotFoundException',
    body: '[1]',
    text: 'Model version: x does not exist',
  }),
  refused('a prediction of a model that is not loaded', '/predictions/asleep', {
    status: 404,
    error: 'ModelNotFoundException',
    body: '[1]',
    text: 'asleep',
  }),
  refused('a row of the wrong shape', '/predictions/mlp', {
    ...bad,
    body: '[1,2]',
    text: 'unexpected shape',
  }),
  refused('more than a row', '/predictions/mlp', { ...bad, body: '[[1],[2]]', text: 'unexpected shape' }),
  refused('rows that differ', '/predictions/mlp', { ...bad, body: '[[1],[2,3]]', text: 'differ' }),
  refused('broken JSON', '/predictions/mlp', { ...bad, body: '[1,', text: 'failed to parse' }),
  refused('bytes of the wrong size', '/predictions/mlp', {
    ...bad,
    body: 'abc',
    type: 'image/png',
    text: 'byte',
  }),
  refused('a value for two inputs', '/predictions/pair', { ...bad, body: '[1]', text: '2 inputs' }),
  refused('a broken form', '/predictions/mlp', {
    ...bad,
    body: 'x',
    type: 'multipart/form-data; boundary=b',
    text: 'no multipart form',
  }),
  refused('a form without a boundary', '/predictions/mlp', {
    ...bad,
    body: 'x',
    type: 'multipart/form-data',
    text: 'boundary',
  }),
  refused('an unknown model', '/models/nope', { ...unknown, method: 'GET', text: 'nope' }),
  refused('an unknown version', '/models/mlp/9.0', { ...unknown, method: 'GET', text: '9' }),
  refused('a page of no models', '/models?limit=0', { ...bad, method: 'GET', text: "'limit'" }),
  refused('a page that is no number', '/models?next_page_token=x', {
    ...bad,
    method: 'GET',
    text: "'next_page_token'",
  }),
  refused('registering nothing', '/models', { ...bad, text: "'url'" }),
  refused('registering from elsewhere', '/models?url=https://example.com/m.mar', {
    status: 404,
    error: 'ModelNotFoundException',
    text: 'example.com',
  }),
  refused('registering a path', '/models?url=..%2F..%2Fetc', {
    status: 404,
    error: 'ModelNotFoundException',
    text: 'etc',
  }),
  refused('registering under another name', '/models?url=asleep&model_name=b', {
    ...bad,
    text: "'model_name'",
  }),
  refused('registering what is registered', '/models?url=mlp', {
    status: 409,
    error: 'ConflictStatusException',
    text: 'already registered',
  }),
  refused('a setting that the configuration has', '/models?url=asleep&batch_size=4', {
    ...bad,
    text: "'batch_size' is not supported",
  }),
  refused('too many workers', '/models/mlp?min_worker=65', { ...bad, method: 'PUT', text: "'min_worker'" }),
  refused('no workers', '/models/mlp?min_worker=0', { ...bad, method: 'PUT', text: "'min_worker'" }),
  refused('fewer at most than at least', '/models/mlp?min_worker=2&max_worker=1', {
    ...bad,
    method: 'PUT',
    text: "'max_worker'",
  }),
  refused('scaling an unknown model', '/models/nope?min_worker=2', {
    ...unknown,
    method: 'PUT',
    text: 'nope',
  }),
  refused('unregistering an unknown model', '/models/nope', {
    ...unknown,
    method: 'DELETE',
    text: 'Model not found: nope',
  }),
  refused('unregistering an unknown version', '/models/mlp/9', {
    status: 404,
    error: 'ModelVersionNotFoundException',
    method: 'DELETE',
    text: 'Model version: 9',
  }),
  refused('unregistering one version of several', '/models/versions/1', {
    ...bad,
    method: 'DELETE',
    text: 'other versions',
  }),
];
