/** A call of TensorFlow Serving's services that is refused. */
export interface TensorflowErrorCase {
  readonly title: string;
  readonly rpc: 'Predict' | 'GetModelMetadata' | 'GetModelStatus';
  readonly request: object;
  /** gRPC status. */
  readonly code: number;
  /** A part of the status' text. */
  readonly text: string;
}

const invalid = 3;
const notFound = 5;
const precondition = 9;

const row = Array.from({ length: 16 }, () => 0.5);

function shapeOf(...sizes: readonly number[]): object {
  return { dim: sizes.map((size) => ({ size })) };
}

export const tensor = { dtype: 'DT_FLOAT', tensor_shape: shapeOf(1, 16), float_val: row };

function predict(title: string, request: object, code: number, text: string): TensorflowErrorCase {
  const whole = { model_spec: { name: 'mlp' }, inputs: { x: tensor }, ...request };
  return { title, rpc: 'Predict', request: whole, code, text };
}

function withTensor(title: string, replaced: object, text: string): TensorflowErrorCase {
  return predict(title, { inputs: { x: { ...tensor, ...replaced } } }, invalid, text);
}

export const tensorflowErrorCases: readonly TensorflowErrorCase[] = [
  predict('no model', { model_spec: {} }, invalid, 'Missing ModelSpec'),
  predict('an unknown model', { model_spec: { name: 'nope' } }, notFound, 'nope'),
  predict('an unknown version', { model_spec: { name: 'mlp', version: { value: 9 } } }, notFound, '9'),
  predict('a negative version', { model_spec: { name: 'mlp', version: { value: -1 } } }, invalid, 'version'),
  predict(
    'an unknown label',
    { model_spec: { name: 'mlp', version_label: 'x' } },
    invalid,
    'version label: x',
  ),
  predict(
    'another signature',
    { model_spec: { name: 'mlp', signature_name: 's' } },
    precondition,
    'Serving signature key "s" not found.',
  ),
  predict('no inputs', { inputs: {} }, invalid, 'expected 1 inputs'),
  predict('an unknown input', { inputs: { z: tensor } }, invalid, 'z'),
  predict('an unknown output', { output_filter: ['z'] }, invalid, "unexpected inference output 'z'"),
  withTensor('the wrong shape', { tensor_shape: shapeOf(2, 8) }, 'unexpected shape'),
  withTensor(
    'the wrong data type',
    { dtype: 'DT_INT32', float_val: [], int_val: row.map(() => 1) },
    'data-type',
  ),
  withTensor('a data type that no model takes', { dtype: 'DT_INVALID' }, 'data type 0'),
  withTensor('no values', { float_val: [] }, 'no values'),
  withTensor('too many values', { float_val: [...row, 1] }, '17 values for a shape of 16'),
  withTensor('content of the wrong size', { float_val: [], tensor_content: Buffer.alloc(60) }, 'byte size'),
  withTensor('values in two fields', { int_val: [1] }, 'more than one field'),
  withTensor('too many rows', { tensor_shape: shapeOf(9, 16), float_val: Array(144).fill(1) }, 'batch'),
  {
    title: 'metadata of an unknown model',
    rpc: 'GetModelMetadata',
    request: { model_spec: { name: 'nope' }, metadata_field: ['signature_def'] },
    code: notFound,
    text: 'nope',
  },
  {
    title: 'no field of metadata',
    rpc: 'GetModelMetadata',
    request: { model_spec: { name: 'mlp' } },
    code: invalid,
    text: 'signature_def',
  },
  {
    title: 'an unknown field of metadata',
    rpc: 'GetModelMetadata',
    request: { model_spec: { name: 'mlp' }, metadata_field: ['x'] },
    code: invalid,
    text: "'x' is not supported",
  },
  {
    title: 'status of an unknown model',
    rpc: 'GetModelStatus',
    request: { model_spec: { name: 'nope' } },
    code: notFound,
    text: 'Could not find any versions of model nope',
  },
  {
    title: 'status of an unknown version',
    rpc: 'GetModelStatus',
    request: { model_spec: { name: 'mlp', version: { value: 9 } } },
    code: notFound,
    text: 'Could not find version 9',
  },
  {
    title: 'status of no model',
    rpc: 'GetModelStatus',
    request: {},
    code: invalid,
    text: 'Missing ModelSpec',
  },
];
