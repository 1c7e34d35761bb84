/** A request in the words of KServe v1 or TensorFlow Serving, and what must come back. */
export interface V1Case {
  /** Which of the two protocols says so. */
  readonly clause: 'kserve v1' | 'tensorflow serving' | 'hardening 5.1';
  readonly title: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body: string | null;
  readonly status: number;
  /** The whole reply, or a part of its `error`. */
  readonly text: string;
}

type Clause = V1Case['clause'];

function get(clause: Clause, title: string, path: string, text: string, status = 200): V1Case {
  return { clause, title, method: 'GET', path, body: null, status, text };
}

interface Posted {
  readonly path: string;
  readonly body: string;
  readonly text: string;
  readonly status?: number;
  readonly clause?: Clause;
}

function post(
  title: string,
  { path, body, text, status = 200, clause = 'tensorflow serving' }: Posted,
): V1Case {
  return { clause, title, method: 'POST', path: `/v1/models/${path}`, body, status, text };
}

const zeros = JSON.stringify(Array.from({ length: 16 }, () => 0));

function version(number: string): string {
  return `{"version":"${number}","state":"AVAILABLE","status":{"error_code":"OK","error_message":""}}`;
}

const dimensions = '{"dim":[{"size":"-1","name":""},{"size":"16","name":""}],"unknown_rank":false}';
const scores = '{"dim":[{"size":"-1","name":""},{"size":"4","name":""}],"unknown_rank":false}';
const signature =
  `{"inputs":{"x":{"dtype":"DT_FLOAT","tensor_shape":${dimensions},"name":"x"}},` +
  `"outputs":{"y":{"dtype":"DT_FLOAT","tensor_shape":${scores},"name":"y"}},"method_name":"tensorflow/serving/predict"}`;

function metadata(number: string): string {
  return (
    `{"model_spec":{"name":"versions","signature_name":"","version":"${number}"},` +
    `"metadata":{"signature_def":{"signature_def":{"serving_default":${signature}}}}}`
  );
}

export const v1AnswerCases: readonly V1Case[] = [
  get('kserve v1', 'GET / says that the server is alive', '/', '{"status":"alive"}'),
  get(
    'kserve v1',
    "a model's path tells its readiness, and its versions",
    '/v1/models/versions',
    `{"name":"versions","ready":true,"model_version_status":[${version('3')},${version('1')}]}`,
  ),
  get(
    'tensorflow serving',
    'status of one version',
    '/v1/models/versions/versions/1',
    `{"model_version_status":[${version('1')}]}`,
  ),
  get(
    'tensorflow serving',
    'status of a label',
    '/v1/models/labelled/labels/stable',
    `{"model_version_status":[${version('1')}]}`,
  ),
  get('tensorflow serving', 'metadata of the newest version', '/v1/models/versions/metadata', metadata('3')),
  get(
    'tensorflow serving',
    'metadata of one version',
    '/v1/models/versions/versions/1/metadata',
    metadata('1'),
  ),
  post('instances are rows', {
    path: 'floats:predict',
    body: '{"instances":[[1,2.5]]}',
    text: '{"predictions":[[1,2.5]]}',
  }),
  post('inputs are columns', {
    path: 'floats:predict',
    body: '{"inputs":[[1,2.5]]}',
    text: '{"outputs":[[1,2.5]]}',
  }),
  post('NaN and infinities travel bare', {
    path: 'floats:predict',
    body: '{"instances":[[NaN,Infinity,-Infinity]]}',
    text: '{"predictions":[[NaN,Infinity,-Infinity]]}',
  }),
  post('bytes come as base64', {
    path: 'text:predict',
    body: '{"instances":[["a",{"b64":"Yg=="},{"b64":"w6k="}]]}',
    text: '{"predictions":[["a","b","é"]]}',
  }),
  post('FP16 travels as numbers', {
    path: 'half:predict',
    body: '{"instances":[[1,-2.5]]}',
    text: '{"predictions":[[1,-2.5]]}',
  }),
  post('two inputs come by name', {
    path: 'pair:predict',
    body: '{"instances":[{"a":[1,2],"b":[10,20]},{"a":[3,4],"b":[30,40]}]}',
    text: '{"predictions":[{"sum":[11,22],"difference":[-9,-18]},{"sum":[33,44],"difference":[-27,-36]}]}',
  }),
  post('classes come with labels', {
    path: 'mlp:classify',
    body: `{"examples":[{"x":${zeros}}]}`,
    text: '{"result":[[["red",2.0202546],["green",-0.68297553],["blue",-2.8273427],["white",0.62418354]]]}',
  }),
];

const row = `{"instances":[${zeros}]}`;

export const v1ErrorCases: readonly V1Case[] = [
  get(
    'kserve v1',
    'an unknown model is not found',
    '/v1/models/nope',
    'Could not find any versions of model nope',
    404,
  ),
  get(
    'kserve v1',
    'a model that cannot be loaded is not ready',
    '/v1/models/asleep',
    'Could not find any versions',
    404,
  ),
  get(
    'tensorflow serving',
    'an unknown version is not found',
    '/v1/models/mlp/versions/9',
    'Could not find version 9',
    404,
  ),
  get('tensorflow serving', 'metadata of an unknown model', '/v1/models/nope/metadata', 'nope', 404),
  get(
    'tensorflow serving',
    'an unknown label is refused',
    '/v1/models/labelled/labels/x',
    'Unrecognized servable version label: x',
    400,
  ),
  get(
    'tensorflow serving',
    'a label of a version that is not there',
    '/v1/models/labelled/labels/gone',
    'Could not find version 2',
    404,
  ),
  get(
    'tensorflow serving',
    'a version that is no number is no path',
    '/v1/models/mlp/versions/x',
    'Not Found',
    404,
  ),
  get('kserve v1', 'predict takes POST only', '/v1/models/mlp:predict', 'Method Not Allowed', 405),
  get('hardening 5.1', 'a percent sign that encodes nothing', '/v1/models/%zz', 'percent sign', 400),
  post('predict of an unknown model', { path: 'nope:predict', body: row, text: 'nope', status: 404 }),
  post('predict of an unknown version', {
    path: 'mlp/versions/9:predict',
    body: row,
    text: '9',
    status: 404,
  }),
  post('predict of an unknown label', {
    path: 'mlp/labels/x:predict',
    body: row,
    text: 'label: x',
    status: 400,
  }),
  post('explain is not there', { path: 'mlp:explain', body: row, text: 'Not Found', status: 404 }),
  post('another signature', {
    path: 'mlp:predict',
    body: `{"signature_name":"s","instances":[1]}`,
    text: 'Serving signature key "s" not found.',
    status: 400,
  }),
  post('no body', {
    path: 'mlp:predict',
    body: '',
    text: 'failed to parse',
    status: 400,
    clause: 'hardening 5.1',
  }),
  post('neither form', {
    path: 'mlp:predict',
    body: '{}',
    text: "Missing 'inputs' or 'instances' key",
    status: 400,
  }),
  post('both forms', {
    path: 'mlp:predict',
    body: '{"instances":[1],"inputs":[1]}',
    text: 'more than one',
    status: 400,
  }),
  post('the wrong shape', {
    path: 'mlp:predict',
    body: '{"instances":[[1,2]]}',
    text: "unexpected shape for input 'x'",
    status: 400,
  }),
  post('rows that differ', {
    path: 'mlp:predict',
    body: '{"instances":[[1,2],[1]]}',
    text: 'differ in their size',
    status: 400,
  }),
  post('text for numbers', {
    path: 'mlp:predict',
    body: '{"instances":["a"]}',
    text: 'a number for FP32',
    status: 400,
  }),
  post('an unknown input', {
    path: 'mlp:predict',
    body: '{"instances":[{"z":1}]}',
    text: "no input 'z'",
    status: 400,
  }),
  post('rows for a model of two inputs', {
    path: 'pair:predict',
    body: '{"instances":[[1]]}',
    text: 'must name its tensors',
    status: 400,
  }),
  post('a missing input', {
    path: 'pair:predict',
    body: '{"instances":[{"a":[1]}]}',
    text: 'expected 2 inputs',
    status: 400,
  }),
  post('too many rows', {
    path: 'mlp:predict',
    body: `{"instances":[${Array(9).fill(zeros).join()}]}`,
    text: 'batch',
    status: 400,
  }),
  post('a flag that is neither', {
    path: 'flags:predict',
    body: '{"instances":[[2]]}',
    text: 'true or false for BOOL',
    status: 400,
  }),
  post('an integer out of range', {
    path: 'int8:predict',
    body: '{"instances":[[128]]}',
    text: 'out of range for INT8',
    status: 400,
  }),
  post('a float that FP16 cannot hold', {
    path: 'half:predict',
    body: '{"instances":[[1e6]]}',
    text: 'out of range for FP16',
    status: 400,
  }),
  post('classes of a model without scores', {
    path: 'text:classify',
    body: '{"examples":[{"x":["a"]}]}',
    text: 'use :predict',
    status: 400,
  }),
  post('a regression of a model with many values', {
    path: 'mlp:regress',
    body: `{"examples":[{"x":${zeros}}]}`,
    text: 'not one value for each of 1 examples',
    status: 400,
  }),
  post('examples without features', {
    path: 'mlp:classify',
    body: '{"examples":[{}]}',
    text: 'expected 1 inputs',
    status: 400,
  }),
  post('deep nesting', {
    path: 'mlp:predict',
    body: `{"instances":${'['.repeat(1e5)}`,
    text: 'more than 64 dimensions',
    status: 400,
    clause: 'hardening 5.1',
  }),
  post('deep nesting elsewhere', {
    path: 'mlp:predict',
    body: `{"x":${'['.repeat(1e5)}`,
    text: 'depth',
    status: 400,
    clause: 'hardening 5.1',
  }),
  post('a name with an escape code', {
    path: 'mlp:predict',
    body: '{"inputs":{"\\u001b[2J":1}}',
    text: "no input '?[2J'",
    status: 400,
    clause: 'hardening 5.1',
  }),
];
