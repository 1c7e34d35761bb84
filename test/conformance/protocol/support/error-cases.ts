import { elements, floats, mlp, one, rowsOf } from './requests.ts';

type CodeName =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'UNAVAILABLE'
  | 'UNIMPLEMENTED'
  | 'PERMISSION_DENIED'
  | 'FAILED_PRECONDITION';

/** One row of the protocol's table of errors, as a call and what must come back. */
export interface ErrorCase {
  /** Section of the protocol's description that the row stands in. */
  readonly clause: string;
  readonly title: string;
  readonly rpc: string;
  readonly request: object;
  readonly code: CodeName;
  /** A part of the status's text, or what it must match. */
  readonly text: RegExp | string;
}

function infer(
  title: string,
  request: object,
  text: RegExp | string,
  code: CodeName = 'INVALID_ARGUMENT',
): ErrorCase {
  return { clause: '1.7', title, rpc: 'ModelInfer', request, code, text };
}

function other(
  rpc: string,
  title: string,
  request: object,
  expected: { readonly code: CodeName; readonly text: RegExp | string },
): ErrorCase {
  return { clause: '1.7', title: `${rpc}: ${title}`, rpc, request, ...expected };
}

const unknownModel = {
  code: 'NOT_FOUND',
  text: /^Request for unknown model: 'nowhere' is not found/,
} as const;
const unknownVersion = {
  code: 'NOT_FOUND',
  text: "Request for unknown model: 'mlp' version 7 is not found",
} as const;
const noInteger = {
  code: 'INVALID_ARGUMENT',
  text: "failed to get model version from specified version string 'newest'",
} as const;

const models: readonly ErrorCase[] = [
  infer('unknown model', mlp({ model_name: 'nowhere' }), unknownModel.text, 'NOT_FOUND'),
  infer('no model name', mlp({ model_name: '' }), /^Request for unknown model: '' is not found/, 'NOT_FOUND'),
  infer(
    'a model name that is a path',
    mlp({ model_name: '../mlp' }),
    "unknown model: '../mlp' is not found",
    'NOT_FOUND',
  ),
  infer('unknown version', mlp({ model_version: '7' }), unknownVersion.text, 'NOT_FOUND'),
  infer('version that is no integer', mlp({ model_version: 'newest' }), noInteger.text),
  infer('negative version', mlp({ model_version: '-1' }), "version string '-1'"),
  infer(
    'model without a ready version',
    mlp({ model_name: 'asleep' }),
    "'asleep' has no available versions",
    'NOT_FOUND',
  ),
  infer(
    'decoupled model on ModelInfer',
    mlp({ model_name: 'decoupled' }),
    "doesn't support models with decoupled transaction policy",
    'UNIMPLEMENTED',
  ),
  ...['ModelMetadata', 'ModelConfig'].flatMap((rpc) => [
    other(rpc, 'unknown model', { name: 'nowhere' }, unknownModel),
    other(rpc, 'unknown version', { name: 'mlp', version: '7' }, unknownVersion),
    other(rpc, 'version that is no integer', { name: 'mlp', version: 'newest' }, noInteger),
  ]),
  other('ModelReady', 'version that is no integer', { name: 'mlp', version: 'newest' }, noInteger),
  other(
    'ModelStatistics',
    'unknown model',
    { name: 'nowhere' },
    {
      code: 'INVALID_ARGUMENT',
      text: "requested model 'nowhere' is not available",
    },
  ),
];

const inputs: readonly ErrorCase[] = [
  infer(
    'missing input',
    {
      model_name: 'pair',
      inputs: [{ name: 'a', datatype: 'FP32', shape: [1, 2] }],
      raw_input_contents: [floats(1, 2)],
    },
    "expected 2 inputs but got 1 inputs for model 'pair'. Got input(s) ['a'], but missing required input(s) ['b']",
  ),
  infer(
    'wrong number of inputs',
    mlp({
      inputs: ['x', 'z'].map((name) => ({ name, datatype: 'FP32', shape: [1, 16] })),
      raw_input_contents: [rowsOf(1), rowsOf(1)],
    }),
    "expected 1 inputs but got 2 inputs for model 'mlp'",
  ),
  infer(
    'no inputs',
    { model_name: 'mlp' },
    "expected 1 inputs but got 0 inputs for model 'mlp'. Got input(s) []",
  ),
  infer(
    'unknown input',
    mlp({ inputs: [{ name: 'q', datatype: 'FP32', shape: [1, 16] }] }),
    "unexpected inference input 'q' for model 'mlp'",
  ),
  infer(
    'unknown output',
    mlp({ outputs: [{ name: 'q' }] }),
    "unexpected inference output 'q' for model 'mlp'",
  ),
  infer(
    'duplicate input',
    mlp({
      inputs: [1, 2].map(() => ({ name: 'x', datatype: 'FP32', shape: [1, 16] })),
      raw_input_contents: [rowsOf(1), rowsOf(1)],
    }),
    "input 'x' already exists in request",
  ),
  infer(
    'duplicate output',
    mlp({ outputs: [{ name: 'y' }, { name: 'y' }] }),
    "output 'y' already exists in request",
  ),
  infer(
    'wrong datatype',
    one('mlp', { datatype: 'INT32', shape: [1, 16] }, rowsOf(1)),
    "inference input 'x' data-type is 'INT32', but model 'mlp' expects 'FP32'",
  ),
  infer(
    'datatype of no protocol',
    one('mlp', { datatype: 'FP8', shape: [1, 16] }, rowsOf(1)),
    "inference input 'x' data-type is 'FP8'",
  ),
];

const shapes: readonly ErrorCase[] = [
  infer(
    'wrong shape',
    one('mlp', { datatype: 'FP32', shape: [1, 8] }, rowsOf(1)),
    "unexpected shape for input 'x' for model 'mlp'. Expected [-1,16], got [1,8].",
  ),
  infer(
    'wrong rank',
    one('mlp', { datatype: 'FP32', shape: [16] }, rowsOf(1)),
    "unexpected shape for input 'x' for model 'mlp'. Expected [-1,16], got [16].",
  ),
  infer(
    'no shape for a model that batches',
    one('mlp', { datatype: 'FP32' }, rowsOf(1)),
    "input 'x' has no shape but model requires batch dimension for 'mlp'",
  ),
  infer(
    'negative dimension',
    one('floats', { datatype: 'FP32', shape: [1, -16] }, rowsOf(1)),
    "unexpected shape for input 'x' for model 'floats'. Expected [-1,-1], got [1,-16].",
  ),
  infer(
    'batch too large',
    one('mlp', { datatype: 'FP32', shape: [9, 16] }, rowsOf(9)),
    "inference request batch-size must be <= 8 for 'mlp'",
  ),
  infer(
    'batch of nothing',
    one('mlp', { datatype: 'FP32', shape: [0, 16] }, Buffer.alloc(0)),
    "inference request batch-size must be >= 1 for 'mlp'",
  ),
  infer(
    'batch mismatch between inputs',
    {
      model_name: 'pair',
      inputs: [
        { name: 'a', datatype: 'FP32', shape: [1, 2] },
        { name: 'b', datatype: 'FP32', shape: [2, 2] },
      ],
      raw_input_contents: [floats(1, 2), floats(1, 2, 3, 4)],
    },
    "input 'b' batch size does not match other inputs for 'pair'",
  ),
  infer(
    'element count overflow',
    one('floats', { datatype: 'FP32', shape: [1, '9007199254740991'] }, Buffer.alloc(8)),
    "byte size overflow for input 'x'",
  ),
  infer(
    'product of dimensions that is 8 modulo 2^64',
    one('floats', { datatype: 'FP32', shape: [4, '4611686018427387906'] }, Buffer.alloc(32)),
    /causes total element count to exceed maximum size of|is out of range/,
  ),
];

const bytes: readonly ErrorCase[] = [
  infer(
    'fewer bytes than the shape says',
    one('mlp', { datatype: 'FP32', shape: [1, 16] }, rowsOf(1).subarray(1)),
    "input byte size mismatch for input 'x' for model 'mlp'. Expected 64, got 63",
  ),
  infer(
    'more bytes than the shape says',
    one('mlp', { datatype: 'FP32', shape: [1, 16] }, rowsOf(2)),
    "input byte size mismatch for input 'x' for model 'mlp'. Expected 64, got 128",
  ),
  infer(
    'too many BYTES elements',
    one('text', { datatype: 'BYTES', shape: [1, 1] }, elements('a', 'b')),
    "unexpected number of string elements 2 for inference input 'x' for model 'text', expecting 1",
  ),
  infer(
    'too few BYTES elements',
    one('text', { datatype: 'BYTES', shape: [1, 2] }, elements('a')),
    "expected 2 string elements for inference input 'x' for model 'text', got 1",
  ),
  infer(
    'BYTES length cut off',
    one('text', { datatype: 'BYTES', shape: [1, 1] }, Buffer.from([1, 0])),
    "incomplete string length indicator for inference input 'x'",
  ),
  infer(
    'BYTES element cut off',
    one('text', { datatype: 'BYTES', shape: [1, 1] }, Buffer.from([9, 0, 0, 0, 65])),
    "incomplete string data for inference input 'x'",
  ),
  infer(
    'BYTES element that is no text',
    one('text', { datatype: 'BYTES', shape: [1, 2] }, Buffer.from([1, 0, 0, 0, 65, 1, 0, 0, 0, 255])),
    "element 1 of BYTES input 'x' for model 'text' is not valid UTF-8",
  ),
  infer(
    'BYTES element with a NUL',
    one('text', { datatype: 'BYTES', shape: [1, 1] }, elements('a\0b')),
    "element 0 of BYTES input 'x' for model 'text' contains a NUL byte",
  ),
  infer(
    'BOOL that is neither 0 nor 1',
    one('flags', { datatype: 'BOOL', shape: [1, 2] }, Buffer.from([1, 2])),
    'neither 0 nor 1',
  ),
  infer(
    'no data for an input',
    one('mlp', { datatype: 'FP32', shape: [1, 16] }),
    "unable to find data for input tensor 'x' for model 'mlp' in request.",
  ),
  infer(
    'contents and raw_input_contents',
    one('mlp', { datatype: 'FP32', shape: [1, 16], contents: { fp32_contents: [1] } }, rowsOf(1)),
    "contents field must not be specified when using raw_input_contents for 'x' for model 'mlp'",
  ),
  infer(
    'raw_input_contents for no input',
    mlp({ raw_input_contents: [rowsOf(1), rowsOf(1)] }),
    'unexpected additional input data',
  ),
  infer(
    'contents of another datatype',
    one('mlp', { datatype: 'FP32', shape: [1, 16], contents: { int_contents: [1] } }),
    /contents of input 'x' .*FP32/,
  ),
  infer(
    'fewer contents than the shape says',
    one('mlp', { datatype: 'FP32', shape: [1, 16], contents: { fp32_contents: [1, 2] } }),
    "input byte size mismatch for input 'x' for model 'mlp'. Expected 64, got 8",
  ),
  infer(
    'contents out of range of INT8',
    one('int8', { datatype: 'INT8', shape: [1, 1], contents: { int_contents: [128] } }),
    'out of range for INT8',
  ),
  infer(
    'contents out of range of UINT8',
    one('uint8', { datatype: 'UINT8', shape: [1, 1], contents: { uint_contents: [256] } }),
    'out of range for UINT8',
  ),
  infer(
    'contents out of range of UINT16',
    one('uint16', { datatype: 'UINT16', shape: [1, 1], contents: { uint_contents: [65_536] } }),
    'out of range for UINT16',
  ),
  infer(
    'contents of FP16, which has no typed form',
    one('half', { datatype: 'FP16', shape: [1, 1], contents: { fp32_contents: [1] } }),
    'FP16 has no typed form',
  ),
];

function parameter(title: string, parameters: object, text: string): ErrorCase {
  return { ...infer(title, mlp({ parameters }), text), clause: '1.4' };
}

const parameters: readonly ErrorCase[] = [
  parameter(
    'reserved parameter',
    { triton_x: { bool_param: true } },
    "parameter keys starting with 'triton_' are reserved",
  ),
  parameter('priority below 0', { priority: { int64_param: -1 } }, "invalid value for parameter 'priority'"),
  parameter(
    'priority that is a text',
    { priority: { string_param: 'high' } },
    "invalid value for parameter 'priority'",
  ),
  parameter('timeout below 0', { timeout: { int64_param: -1 } }, "invalid value for parameter 'timeout'"),
  parameter(
    'sequence_start that is no bool',
    { sequence_start: { int64_param: 1 } },
    "invalid value for parameter 'sequence_start'",
  ),
  parameter(
    'sequence_id that is a bool',
    { sequence_id: { bool_param: true } },
    "invalid value for parameter 'sequence_id'",
  ),
  {
    ...infer(
      'classification of 0 classes',
      mlp({ outputs: [{ name: 'y', parameters: { classification: { int64_param: 0 } } }] }),
      "invalid value for parameter 'classification' of output 'y'",
    ),
    clause: '1.4',
  },
  {
    ...infer(
      'classification of texts',
      {
        ...one('text', { datatype: 'BYTES', shape: [1, 1] }, elements('a')),
        outputs: [{ name: 'y', parameters: { classification: { int64_param: 1 } } }],
      },
      "class result not available for output 'y' due to unsupported type 'BYTES'",
    ),
    clause: '1.4',
  },
];

const administration: readonly ErrorCase[] = [
  other(
    'RepositoryModelLoad',
    'missing model',
    { model_name: 'nowhere' },
    {
      code: 'NOT_FOUND',
      text: "failed to load 'nowhere', failed to poll from model repository",
    },
  ),
  other(
    'RepositoryModelLoad',
    'broken model',
    { model_name: 'broken' },
    {
      code: 'INVALID_ARGUMENT',
      text: "load failed for model 'broken'",
    },
  ),
  other(
    'RepositoryModelLoad',
    'a name that is a path',
    { model_name: '../mlp' },
    {
      code: 'NOT_FOUND',
      text: "failed to load '../mlp', failed to poll from model repository",
    },
  ),
  ...['RepositoryModelLoad', 'RepositoryModelUnload'].map((rpc) =>
    other(
      rpc,
      'repository_name given',
      { repository_name: 'r', model_name: 'mlp' },
      {
        code: 'UNIMPLEMENTED',
        text: "'repository_name' specification is not supported",
      },
    ),
  ),
  other(
    'RepositoryIndex',
    'repository_name given',
    { repository_name: 'r' },
    {
      code: 'UNIMPLEMENTED',
      text: "'repository_name' specification is not supported",
    },
  ),
  other(
    'TraceSetting',
    'unknown model',
    { model_name: 'nowhere' },
    {
      code: 'NOT_FOUND',
      text: 'Request for unknown model : nowhere',
    },
  ),
  other(
    'LogSettings',
    'change without --allow-settings',
    { settings: { log_info: { bool_param: false } } },
    {
      code: 'PERMISSION_DENIED',
      text: '--allow-settings',
    },
  ),
  ...['System', 'Cuda'].flatMap((kind) =>
    ['Status', 'Register', 'Unregister'].map((verb) =>
      other(
        `${kind}SharedMemory${verb}`,
        'shared memory is disabled',
        {},
        {
          code: 'UNIMPLEMENTED',
          text: 'Client shared memory is disabled',
        },
      ),
    ),
  ),
  infer(
    'input in shared memory',
    one('mlp', {
      datatype: 'FP32',
      shape: [1, 16],
      parameters: {
        shared_memory_region: { string_param: 'r' },
        shared_memory_byte_size: { int64_param: 64 },
      },
    }),
    'Client shared memory is disabled',
    'UNIMPLEMENTED',
  ),
];

export const errorCases: readonly ErrorCase[] = [
  ...models,
  ...inputs,
  ...shapes,
  ...bytes,
  ...parameters,
  ...administration,
];
