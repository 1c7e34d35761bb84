import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Datatype } from '../../../../../src/inference/datatype.ts';
import { noParameters } from '../../../../../src/inference/request.ts';
import type { Tensor } from '../../../../../src/inference/tensor.ts';
import { encodePredictResponse } from '../../../../../src/transport/grpc/tensorflow/predict-response.ts';
import type { Plain } from '../../../../support/protobuf-reference.ts';
import { decodeTensorflow } from '../../../../support/tensorflow-reference.ts';

function encode(...outputs: readonly Tensor[]): readonly Uint8Array[] {
  const encoded = encodePredictResponse({
    model: 'm',
    version: '12',
    id: '',
    outputs,
    parameters: noParameters,
  });
  return encoded instanceof Uint8Array ? [encoded] : encoded;
}

function decode(...outputs: readonly Tensor[]): Plain {
  return decodeTensorflow('PredictResponse', Buffer.concat(encode(...outputs)));
}

/** Not where typed arrays want their elements. */
function unaligned(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(`00${hex}`, 'hex')).subarray(1);
}

const rows: readonly (readonly [datatype: Datatype, hex: string, dtype: string, values: Plain])[] = [
  ['FP32', '0000803f000000c0', 'DT_FLOAT', { float_val: [1, -2] }],
  ['FP64', '000000000000f03f00000000000000c0', 'DT_DOUBLE', { double_val: [1, -2] }],
  ['INT32', '01000000feffffff', 'DT_INT32', { int_val: [1, -2] }],
  ['INT16', '0100feff', 'DT_INT16', { int_val: [1, -2] }],
  ['INT8', '01fe', 'DT_INT8', { int_val: [1, -2] }],
  ['UINT8', '01ff', 'DT_UINT8', { int_val: [1, 255] }],
  ['UINT16', '0100ffff', 'DT_UINT16', { int_val: [1, 65_535] }],
  ['UINT32', '01000000ffffffff', 'DT_UINT32', { uint32_val: [1, 4_294_967_295] }],
  ['INT64', 'ffffff7f00000000feffffffffffffff', 'DT_INT64', { int64_val: ['2147483647', '-2'] }],
  [
    'UINT64',
    '0000008000000000ffffffffffffffff',
    'DT_UINT64',
    { uint64_val: ['2147483648', '18446744073709551615'] },
  ],
  ['BOOL', '0100', 'DT_BOOL', { bool_val: [true, false] }],
  ['FP16', '003c00c0', 'DT_HALF', { half_val: [0x3c00, 0xc000] }],
  ['BF16', '803f00c0', 'DT_BFLOAT16', { half_val: [0x3f80, 0xc000] }],
  ['BYTES', '010000006100000000', 'DT_STRING', { string_val: [Buffer.from('a'), Buffer.from('')] }],
];

describe('a PredictResponse', () => {
  for (const [datatype, hex, dtype, values] of rows) {
    it(`carries ${datatype} in the field of ${dtype}`, () => {
      const tensor: Tensor = { name: 'y', datatype, shape: [2, 1], data: unaligned(hex) };
      assert.deepEqual(decode(tensor), {
        outputs: { y: { dtype, tensor_shape: { dim: [{ size: '2' }, { size: '1' }] }, ...values } },
        model_spec: { name: 'm', version: { value: '12' }, signature_name: 'serving_default' },
      });
    });
  }

  it('carries several outputs, and those without elements', () => {
    const first: Tensor = { name: 'a', datatype: 'FP32', shape: [0, 2], data: new Uint8Array(0) };
    const second: Tensor = { name: 'b', datatype: 'INT64', shape: [], data: unaligned('0500000000000000') };
    const { outputs } = decode(first, second);
    assert.deepEqual(outputs, {
      a: { dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: '0' }, { size: '2' }] } },
      b: { dtype: 'DT_INT64', tensor_shape: {}, int64_val: ['5'] },
    });
  });

  it('leaves floats where they are', () => {
    const data = unaligned('0000803f');
    const pieces = encode({ name: 'y', datatype: 'FP32', shape: [1], data });
    assert.ok(pieces.includes(data));
  });
});
