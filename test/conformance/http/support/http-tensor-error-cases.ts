import { elements, floats, rowsOf } from '../../protocol/support/requests.ts';
import { inferText, type HttpErrorCase } from './http-error-cases.ts';

interface BinaryInput {
  readonly name?: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: Buffer;
  /** Instead of the bytes that there are. */
  readonly size?: unknown;
}

function binary(title: string, model: string, inputs: readonly BinaryInput[], text: string): HttpErrorCase {
  const json = JSON.stringify({
    inputs: inputs.map(({ name = 'x', datatype, shape, data, size = data.length }) => ({
      name,
      datatype,
      shape,
      parameters: { binary_data_size: size },
    })),
  });
  return {
    clause: '1.7',
    title,
    method: 'POST',
    path: `/v2/models/${model}/infer`,
    headers: { 'inference-header-content-length': String(json.length) },
    body: Buffer.concat([Buffer.from(json), ...inputs.map(({ data }) => data)]),
    status: 400,
    text,
  };
}

function raw(title: string, model: string, body: Buffer, text: string): HttpErrorCase {
  return {
    clause: '2.1',
    title,
    method: 'POST',
    path: `/v2/models/${model}/infer`,
    headers: { 'inference-header-content-length': '0' },
    body: Buffer.from(body),
    status: 400,
    text,
  };
}

function typed(title: string, model: string, input: object, text: string): HttpErrorCase {
  return {
    clause: '1.7',
    title,
    method: 'POST',
    path: `/v2/models/${model}/infer`,
    headers: {},
    body: JSON.stringify({ inputs: [{ name: 'x', ...input }] }),
    status: 400,
    text,
  };
}

function parameter(title: string, parameters: object, text: string, status = 400): HttpErrorCase {
  return {
    clause: '1.4',
    title,
    method: 'POST',
    path: '/v2/models/mlp/infer',
    headers: {},
    body: inferText({ parameters }),
    status,
    text,
  };
}

function output(title: string, model: string, parameters: object, text: string): HttpErrorCase {
  const input =
    model === 'mlp' ? {} : { inputs: [{ name: 'x', datatype: 'BYTES', shape: [1, 1], data: ['a'] }] };
  return {
    clause: '1.4',
    title,
    method: 'POST',
    path: `/v2/models/${model}/infer`,
    headers: {},
    body: inferText({ ...input, outputs: [{ name: 'y', parameters }] }),
    status: 400,
    text,
  };
}

const row = { datatype: 'FP32', shape: [1, 16] };

/** The table's rows about binary tensors, raw requests, elements in JSON and parameters. */
export const httpTensorErrorCases: readonly HttpErrorCase[] = [
  binary(
    'fewer bytes than the shape says',
    'mlp',
    [{ ...row, data: rowsOf(1).subarray(1) }],
    "input byte size mismatch for input 'x' for model 'mlp'. Expected 64, got 63",
  ),
  binary(
    'more bytes than the shape says',
    'mlp',
    [{ ...row, data: rowsOf(2) }],
    "input byte size mismatch for input 'x' for model 'mlp'. Expected 64, got 128",
  ),
  binary('wrong rank', 'mlp', [{ ...row, shape: [16], data: rowsOf(1) }], 'Expected [-1,16], got [16].'),
  binary(
    'batch of nothing',
    'mlp',
    [{ ...row, shape: [0, 16], data: Buffer.alloc(0) }],
    "inference request batch-size must be >= 1 for 'mlp'",
  ),
  binary(
    'wrong number of inputs',
    'mlp',
    ['x', 'z'].map((name) => ({ name, ...row, data: rowsOf(1) })),
    "expected 1 inputs but got 2 inputs for model 'mlp'",
  ),
  binary(
    'element count overflow',
    'floats',
    [{ datatype: 'FP32', shape: [1, Number.MAX_SAFE_INTEGER], data: Buffer.alloc(8) }],
    "byte size overflow for input 'x'",
  ),
  binary(
    'too many BYTES elements',
    'text',
    [{ datatype: 'BYTES', shape: [1, 1], data: elements('a', 'b') }],
    "unexpected number of string elements 2 for inference input 'x' for model 'text', expecting 1",
  ),
  binary(
    'too few BYTES elements',
    'text',
    [{ datatype: 'BYTES', shape: [1, 2], data: elements('a') }],
    "expected 2 string elements for inference input 'x' for model 'text', got 1",
  ),
  binary(
    'BYTES length cut off',
    'text',
    [{ datatype: 'BYTES', shape: [1, 1], data: Buffer.from([1, 0]) }],
    "incomplete string length indicator for inference input 'x'",
  ),
  binary(
    'BYTES element cut off',
    'text',
    [{ datatype: 'BYTES', shape: [1, 1], data: Buffer.from([9, 0, 0, 0, 65]) }],
    "incomplete string data for inference input 'x'",
  ),
  binary(
    'BOOL that is neither 0 nor 1',
    'flags',
    [{ datatype: 'BOOL', shape: [1, 2], data: Buffer.from([1, 2]) }],
    'neither 0 nor 1',
  ),
  ...[65, 2 ** 40, -1, 1.5, '64', true].map((size) =>
    binary(
      `binary_data_size ${JSON.stringify(size)} of 64 bytes`,
      'mlp',
      [{ ...row, data: rowsOf(1), size }],
      'binary_data_size',
    ),
  ),
  raw('a raw request of half a row', 'mlp', rowsOf(1).subarray(32), 'Expected 64, got 32'),
  raw('a raw request that is empty', 'mlp', Buffer.alloc(0), 'Expected 64, got 0'),
  raw('a raw request to a model of two inputs', 'pair', floats(1, 2), 'it has 2 inputs, not one'),
  raw('a raw request of a part of an element', 'floats', Buffer.alloc(7), 'no whole number of elements'),
  typed(
    'no shape for a model that batches',
    'mlp',
    { datatype: 'FP32', data: [1] },
    "input 'x' has no shape but model requires batch dimension for 'mlp'",
  ),
  typed(
    'more elements than memory has bytes',
    'floats',
    { datatype: 'FP32', shape: [1, 2 ** 40], data: [1] },
    "shape does not match true shape of 'data' field",
  ),
  typed(
    'a dimension beyond 2^63',
    'floats',
    { datatype: 'FP32', shape: [1, 1e30], data: [1] },
    "Unable to parse 'shape'",
  ),
  ...(
    [
      ['int8', 'INT8', 128],
      ['int8', 'INT8', -129],
      ['uint8', 'UINT8', 256],
      ['uint8', 'UINT8', -1],
      ['uint16', 'UINT16', 65_536],
      ['big', 'UINT64', -1],
      ['floats', 'FP32', 1e39],
    ] as const
  ).map(([model, datatype, value]) =>
    typed(
      `${value} as ${datatype}`,
      model,
      { datatype, shape: [1, 1], data: [value] },
      `out of range for ${datatype}`,
    ),
  ),
  ...(
    [
      ['int8', 'INT8', 1.5],
      ['int8', 'INT8', true],
      ['flags', 'BOOL', 2],
      ['flags', 'BOOL', 'true'],
      ['text', 'BYTES', 1],
      ['text', 'BYTES', null],
      ['floats', 'FP32', null],
      ['floats', 'FP32', {}],
    ] as const
  ).map(([model, datatype, value]) =>
    typed(
      `${JSON.stringify(value)} as ${datatype}`,
      model,
      { datatype, shape: [1, 1], data: [value] },
      "Unable to parse 'data' of input 'x': expected",
    ),
  ),
  parameter('reserved parameter', { triton_x: true }, "parameter keys starting with 'triton_' are reserved"),
  parameter('priority below 0', { priority: -1 }, "invalid value for parameter 'priority'"),
  parameter('priority that is a text', { priority: 'high' }, "invalid value for parameter 'priority'"),
  parameter('timeout below 0', { timeout: -1 }, "invalid value for parameter 'timeout'"),
  parameter('sequence_start that is no bool', { sequence_start: 1 }, "parameter 'sequence_start'"),
  parameter('sequence_id that is a bool', { sequence_id: true }, "parameter 'sequence_id'"),
  parameter('a parameter that is an object', { a: {} }, "invalid value for parameter 'a'"),
  parameter('a parameter that is null', { a: null }, "invalid value for parameter 'a'"),
  parameter(
    'binary_data_output that is no bool',
    { binary_data_output: 1 },
    "parameter 'binary_data_output'",
  ),
  parameter(
    'more parameters than may be',
    Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`p${index}`, index])),
    'more than 256 parameters',
  ),
  output(
    'classification of 0 classes',
    'mlp',
    { classification: 0 },
    "parameter 'classification' of output 'y'",
  ),
  output(
    'classification of texts',
    'text',
    { classification: 1 },
    "class result not available for output 'y' due to unsupported type 'BYTES'",
  ),
  output('binary_data that is no bool', 'mlp', { binary_data: 'yes' }, "parameter 'binary_data'"),
];
