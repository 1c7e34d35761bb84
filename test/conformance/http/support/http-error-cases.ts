/** One row of the protocol's table of errors as a request over HTTP, and what must come back. */
export interface HttpErrorCase {
  /** Section of the protocol's description that the row stands in. */
  readonly clause: string;
  readonly title: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer<ArrayBuffer> | null;
  readonly status: number;
  /** A part of the reply's `error`. */
  readonly text: string;
}

const row: readonly number[] = Array.from({ length: 16 }, () => 0.5);

const input = { name: 'x', shape: [1, 16], datatype: 'FP32', data: row };

/** A request to the model mlp that it answers, but for what is replaced. */
export function inferText(replaced: object = {}): string {
  return JSON.stringify({ inputs: [input], ...replaced });
}

function withInput(replaced: object): string {
  return inferText({ inputs: [{ ...input, ...replaced }] });
}

interface Expected {
  readonly status: number;
  readonly text: string;
}

function infer(
  title: string,
  body: string,
  text: string,
  { model = 'mlp', status = 400 } = {},
): HttpErrorCase {
  return {
    clause: '1.7',
    title,
    method: 'POST',
    path: `/v2/models/${model}/infer`,
    headers: {},
    body,
    status,
    text,
  };
}

function post(title: string, path: string, body: string, { status, text }: Expected): HttpErrorCase {
  return { clause: '1.7', title, method: 'POST', path, headers: {}, body, status, text };
}

function get(title: string, path: string, { status, text }: Expected): HttpErrorCase {
  return { clause: '1.7', title, method: 'GET', path, headers: {}, body: null, status, text };
}

function binary(title: string, headerLength: string, body: string, text: string): HttpErrorCase {
  const headers = { 'inference-header-content-length': headerLength };
  return {
    clause: '2.1',
    title,
    method: 'POST',
    path: '/v2/models/mlp/infer',
    headers,
    body,
    status: 400,
    text,
  };
}

const unknownModel = { status: 404, text: "Request for unknown model: 'nowhere' is not found" };
const unknownVersion = { status: 404, text: "Request for unknown model: 'mlp' version 7 is not found" };
const notFound = { status: 404, text: 'Not Found' };
const wrongMethod = { status: 405, text: 'Method Not Allowed' };
const noSharedMemory = { status: 501, text: 'Client shared memory is disabled' };

const models: readonly HttpErrorCase[] = [
  infer('unknown model', inferText(), unknownModel.text, { model: 'nowhere', status: 404 }),
  infer('unknown version', inferText(), unknownVersion.text, { model: 'mlp/versions/7', status: 404 }),
  infer('version that is no integer', inferText(), 'Not Found', {
    model: 'mlp/versions/newest',
    status: 404,
  }),
  infer('model without a ready version', inferText(), "'asleep' has no available versions", {
    model: 'asleep',
    status: 404,
  }),
  infer('decoupled model', inferText(), "doesn't support models with decoupled transaction policy", {
    model: 'decoupled',
    status: 501,
  }),
  get('metadata of an unknown model', '/v2/models/nowhere', unknownModel),
  get('configuration of an unknown model', '/v2/models/nowhere/config', unknownModel),
  get('readiness of an unknown model', '/v2/models/nowhere/ready', unknownModel),
  get('metadata of an unknown version', '/v2/models/mlp/versions/7', unknownVersion),
  get('statistics of an unknown model', '/v2/models/nowhere/stats', {
    status: 400,
    text: "requested model 'nowhere' is not available",
  }),
];

const inputs: readonly HttpErrorCase[] = [
  infer('no inputs', inferText({ inputs: [] }), "expected 1 inputs but got 0 inputs for model 'mlp'"),
  infer(
    'missing input',
    inferText({ inputs: [{ name: 'a', datatype: 'FP32', shape: [1, 2], data: [1, 2] }] }),
    "Got input(s) ['a'], but missing required input(s) ['b']",
    { model: 'pair' },
  ),
  infer('unknown input', withInput({ name: 'q' }), "unexpected inference input 'q' for model 'mlp'"),
  infer(
    'unknown output',
    inferText({ outputs: [{ name: 'q' }] }),
    "unexpected inference output 'q' for model 'mlp'",
  ),
  infer('duplicate input', inferText({ inputs: [input, input] }), "input 'x' already exists in request"),
  infer(
    'duplicate output',
    inferText({ outputs: [{ name: 'y' }, { name: 'y' }] }),
    "output 'y' already exists in request",
  ),
  infer('wrong datatype', withInput({ datatype: 'INT32', data: row.map(() => 1) }), "data-type is 'INT32'"),
  infer('datatype of no protocol', withInput({ datatype: 'FP8' }), "data-type is 'FP8'"),
  infer(
    'wrong shape',
    withInput({ shape: [1, 8], data: row.slice(8) }),
    "unexpected shape for input 'x' for model 'mlp'. Expected [-1,16], got [1,8].",
  ),
  infer(
    'batch too large',
    withInput({ shape: [9, 16], data: Array.from({ length: 9 }, () => row) }),
    "inference request batch-size must be <= 8 for 'mlp'",
  ),
  infer(
    'batch mismatch between inputs',
    inferText({
      inputs: [
        { name: 'a', datatype: 'FP32', shape: [1, 2], data: [1, 2] },
        { name: 'b', datatype: 'FP32', shape: [2, 2], data: [1, 2, 3, 4] },
      ],
    }),
    'batch size does not match other inputs',
    { model: 'pair' },
  ),
];

const json: readonly HttpErrorCase[] = [
  infer('no JSON', '{', 'failed to parse the request JSON buffer'),
  infer('no body', '', 'failed to parse the request JSON buffer'),
  infer(
    'JSON nesting above 100',
    `{"extra":${'['.repeat(101)}${']'.repeat(101)}}`,
    'JSON nesting depth exceeds maximum allowed limit (100)',
  ),
  infer('negative dimension', withInput({ shape: [1, -16] }), "Unable to parse 'shape'"),
  infer('dimension that is no integer', withInput({ shape: [1, 16.5] }), "Unable to parse 'shape'"),
  infer(
    'data shorter than the shape',
    withInput({ data: [1] }),
    "shape does not match true shape of 'data' field",
  ),
  infer(
    'data longer than the shape',
    withInput({ data: [...row, 1] }),
    "shape does not match true shape of 'data' field",
  ),
  infer('data of another type', withInput({ data: row.map(() => 'a') }), "Unable to parse 'data'"),
  infer('no data', withInput({ data: undefined }), 'Input must set only one of the following fields'),
  infer(
    'data twice',
    withInput({ parameters: { binary_data_size: 64 } }),
    'Input must set only one of the following fields',
  ),
  infer('FP16 as JSON', withInput({ datatype: 'FP16' }), 'receiving FP16 data via JSON is not supported', {
    model: 'half',
  }),
  infer('BF16 as JSON', withInput({ datatype: 'BF16' }), 'receiving BF16 data via JSON is not supported'),
  infer('a body over the limit', ' '.repeat((64 << 10) + 1), 'exceeds the maximum allowed'),
  binary('a header length above the body', '9999', inferText(), 'Inference-Header-Content-Length'),
  binary('a header length that is no number', 'x', inferText(), 'Inference-Header-Content-Length'),
  binary(
    'left-over bytes',
    String(inferText().length),
    `${inferText()}abcd`,
    'unexpected additional input data',
  ),
];

const control: readonly HttpErrorCase[] = [
  post('load of a missing model', '/v2/repository/models/nowhere/load', '', {
    status: 404,
    text: "failed to load 'nowhere'",
  }),
  post('load of a broken model', '/v2/repository/models/broken/load', '', {
    status: 400,
    text: "load failed for model 'broken'",
  }),
  post('load from a named repository', '/v2/repository/other/models/mlp/load', '', {
    status: 501,
    text: "'repository_name' specification is not supported",
  }),
  get('trace settings of an unknown model', '/v2/models/nowhere/trace/setting', {
    status: 404,
    text: 'nowhere',
  }),
  get('shared memory that is off', '/v2/systemsharedmemory/status', noSharedMemory),
  post(
    'registering shared memory that is off',
    '/v2/systemsharedmemory/region/a/register',
    '{}',
    noSharedMemory,
  ),
  post('unregistering CUDA memory that is off', '/v2/cudasharedmemory/unregister', '', noSharedMemory),
];

const paths: readonly HttpErrorCase[] = [
  get('unknown path', '/v2/nothing', notFound),
  get('path outside /v2', '/v3', notFound),
  get('GET where POST is', '/v2/models/mlp/infer', wrongMethod),
  post('POST where GET is', '/v2/health/live', '', wrongMethod),
];

/** Rows that HTTP has; those of queues and sequences do not depend on the front. */
export const httpErrorCases: readonly HttpErrorCase[] = [...models, ...inputs, ...json, ...control, ...paths];
