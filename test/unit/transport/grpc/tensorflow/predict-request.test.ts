import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { ModelCatalog } from '../../../../../src/inference/catalog.ts';
import type { InferRequest } from '../../../../../src/inference/request.ts';
import { decodePredictRequest } from '../../../../../src/transport/grpc/tensorflow/predict-request.ts';
import { fakeCatalog } from '../../../../support/fake-catalog.ts';
import type { Plain } from '../../../../support/protobuf-reference.ts';
import { refusalOf } from '../../../../support/refusal.ts';
import { encodeTensorflow } from '../../../../support/tensorflow-reference.ts';

const catalog: ModelCatalog = {
  ...fakeCatalog([]),
  config: () => ({ parameters: { 'version_label.stable': { string_value: '7' } } }),
};

function decode(message: Buffer, maxBytes = 1 << 22): InferRequest {
  return decodePredictRequest(message, catalog, maxBytes);
}

function encode(fields: Plain): Buffer {
  return encodeTensorflow('PredictRequest', { model_spec: { name: 'm' }, ...fields });
}

function shapeOf(...sizes: readonly number[]): Plain {
  return { dim: sizes.map((size) => ({ size })) };
}

function encodeTensor(tensor: Plain): Buffer {
  return encode({ inputs: { x: tensor } });
}

/** Of the only input. */
function hexOf(message: Buffer): string {
  const [input] = decode(message).inputs;
  return Buffer.from(input?.data ?? []).toString('hex');
}

const rows: readonly (readonly [dtype: string, values: Plain, datatype: string, hex: string])[] = [
  ['DT_FLOAT', { float_val: [1, -2] }, 'FP32', '0000803f000000c0'],
  ['DT_DOUBLE', { double_val: [1, -2] }, 'FP64', '000000000000f03f00000000000000c0'],
  ['DT_INT32', { int_val: [1, -2] }, 'INT32', '01000000feffffff'],
  ['DT_INT16', { int_val: [1, -2] }, 'INT16', '0100feff'],
  ['DT_INT8', { int_val: [1, -2] }, 'INT8', '01fe'],
  ['DT_UINT8', { int_val: [1, 255] }, 'UINT8', '01ff'],
  ['DT_UINT16', { int_val: [1, 65_535] }, 'UINT16', '0100ffff'],
  ['DT_UINT32', { uint32_val: [1, 4_294_967_295] }, 'UINT32', '01000000ffffffff'],
  ['DT_INT64', { int64_val: ['1', '-2'] }, 'INT64', '0100000000000000feffffffffffffff'],
  ['DT_UINT64', { uint64_val: ['1', '18446744073709551615'] }, 'UINT64', '0100000000000000ffffffffffffffff'],
  ['DT_BOOL', { bool_val: [true, false] }, 'BOOL', '0100'],
  ['DT_HALF', { half_val: [0x3c00, 0xc000] }, 'FP16', '003c00c0'],
  ['DT_BFLOAT16', { half_val: [0x3f80, 0xc000] }, 'BF16', '803f00c0'],
  ['DT_STRING', { string_val: [Buffer.from('a'), Buffer.from('')] }, 'BYTES', '010000006100000000'],
];

describe('values of a TensorProto', () => {
  for (const [dtype, values, datatype, hex] of rows) {
    it(`are read as ${datatype} out of the field of ${dtype}`, () => {
      const message = encodeTensor({ dtype, tensor_shape: shapeOf(2), ...values });
      const [input] = decode(message).inputs;
      assert.equal(input?.datatype, datatype);
      assert.deepEqual(input.shape, [2]);
      assert.equal(hexOf(message), hex);
    });
    if (datatype !== 'BYTES') {
      it(`are read as ${datatype} out of tensor_content`, () => {
        const content = Buffer.from(hex, 'hex');
        const message = encodeTensor({ dtype, tensor_shape: shapeOf(2), tensor_content: content });
        assert.equal(hexOf(message), hex);
        assert.equal(decode(message).inputs[0]?.data.buffer, message.buffer, 'a view of the message');
      });
    }
  }

  it('of floats stay where they are when they are packed', () => {
    const message = encodeTensor({ dtype: 'DT_FLOAT', tensor_shape: shapeOf(2), float_val: [1, 2] });
    assert.equal(decode(message).inputs[0]?.data.buffer, message.buffer);
  });

  it('may come one by one, in runs, and mixed', () => {
    // float_val 1 alone, then a run of 2 and 3; int_val 1 alone, then a run.
    const floats = Buffer.from(
      '0801 1204 1202 0803 2d0000803f 2a080000004000004040'.replaceAll(' ', ''),
      'hex',
    );
    assert.equal(hexOf(wrapTensor(floats)), '0000803f0000004000004040');
    const integers = Buffer.from('0803 1204 1202 0803 3801 3a020203'.replaceAll(' ', ''), 'hex');
    assert.equal(hexOf(wrapTensor(integers)), '010000000200000003000000');
  });

  it('stand for the rest when they are fewer than the elements, the last of them', () => {
    const one = encodeTensor({ dtype: 'DT_INT16', tensor_shape: shapeOf(2, 2), int_val: [5] });
    assert.equal(hexOf(one), '0500050005000500');
    const two = encodeTensor({
      dtype: 'DT_STRING',
      tensor_shape: shapeOf(3),
      string_val: [Buffer.from('a'), Buffer.from('b')],
    });
    assert.equal(hexOf(two), '010000006101000000620100000062');
  });

  it('are none of a tensor without elements', () => {
    assert.equal(hexOf(encodeTensor({ dtype: 'DT_FLOAT', tensor_shape: shapeOf(0, 4) })), '');
  });

  it('are the same as any encoder writes them', () => {
    const arrays = fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(arrays, (values) => {
        const message = encodeTensor({
          dtype: 'DT_INT64',
          tensor_shape: shapeOf(values.length),
          int64_val: values.map(String),
        });
        assert.equal(hexOf(message), Buffer.from(BigInt64Array.from(values).buffer).toString('hex'));
      }),
    );
  });
});

/** A request around the bytes of a tensor. */
function wrapTensor(tensor: Buffer): Buffer {
  const entry = Buffer.concat([Buffer.from([10, 1, 0x78, 18, tensor.length]), tensor]);
  return Buffer.concat([Buffer.from([10, 3, 10, 1, 0x6d, 18, entry.length]), entry]);
}

describe('a PredictRequest', () => {
  it('names its model, version and outputs', () => {
    const version = decode(
      encode({ model_spec: { name: 'a', version: { value: 3 } }, output_filter: ['y', 'z'] }),
    );
    assert.equal(version.model, 'a');
    assert.equal(version.version, '3');
    assert.deepEqual(
      version.outputs.map(({ name }) => name),
      ['y', 'z'],
    );
    assert.equal(decode(encode({})).version, '');
    assert.equal(decode(encode({ model_spec: { name: 'a', version: {} } })).version, '0');
    assert.equal(decode(encode({ model_spec: { name: 'a', version_label: 'stable' } })).version, '7');
  });

  it('may come with what nobody here knows', () => {
    assert.equal(decode(Buffer.concat([encode({}), Buffer.from('2a00320161', 'hex')])).model, 'm');
  });

  const float = { dtype: 'DT_FLOAT', tensor_shape: shapeOf(2) };
  const refused: readonly (readonly [title: string, message: Buffer, reason: string])[] = [
    ['without a model', encodeTensorflow('PredictRequest', {}), 'MISSING_NAME'],
    [
      'with another signature',
      encode({ model_spec: { name: 'm', signature_name: 's' } }),
      'SIGNATURE_NOT_FOUND',
    ],
    [
      'with a negative version',
      encode({ model_spec: { name: 'm', version: { value: -1 } } }),
      'MODEL_VERSION',
    ],
    ['with an unknown label', encode({ model_spec: { name: 'm', version_label: 'x' } }), 'LABEL_NOT_FOUND'],
    ['with an unknown data type', encodeTensor({ dtype: 8 }), 'INVALID_DATATYPE'],
    ['without a data type', encodeTensor({}), 'INVALID_DATATYPE'],
    ['of unknown rank', encodeTensor({ ...float, tensor_shape: { unknown_rank: true } }), 'INVALID_SHAPE'],
    ['with a negative dimension', encodeTensor({ ...float, tensor_shape: shapeOf(-1) }), 'INVALID_SHAPE'],
    [
      'with 65 dimensions',
      encodeTensor({ ...float, tensor_shape: shapeOf(...Array<number>(65).fill(1)) }),
      'INVALID_SHAPE',
    ],
    ['without values', encodeTensor(float), 'MISSING_DATA'],
    ['with too many values', encodeTensor({ ...float, float_val: [1, 2, 3] }), 'WRONG_SIZE'],
    ['with values of another data type', encodeTensor({ ...float, int_val: [1, 2] }), 'MIXED_CONTENTS'],
    [
      'with values of another data type before those of its own',
      encodeTensor({ dtype: 'DT_INT32', tensor_shape: shapeOf(2), float_val: [1], int_val: [1, 2] }),
      'MIXED_CONTENTS',
    ],
    [
      'with values in two fields',
      encodeTensor({ ...float, float_val: [1, 2], int_val: [1] }),
      'MIXED_CONTENTS',
    ],
    [
      'with values beside content',
      encodeTensor({ ...float, float_val: [1, 2], tensor_content: Buffer.alloc(8) }),
      'MIXED_CONTENTS',
    ],
    [
      'with content of strings',
      encodeTensor({ dtype: 'DT_STRING', tensor_shape: shapeOf(1), tensor_content: Buffer.from('a') }),
      'INVALID_CONTENTS',
    ],
    [
      'with a value out of range',
      encodeTensor({ dtype: 'DT_UINT8', tensor_shape: shapeOf(1), int_val: [256] }),
      'INVALID_CONTENTS',
    ],
    [
      'with a negative value where none is',
      encodeTensor({ dtype: 'DT_UINT16', tensor_shape: shapeOf(1), int_val: [-1] }),
      'INVALID_CONTENTS',
    ],
    [
      'with a value for very many',
      encodeTensor({ ...float, tensor_shape: shapeOf(1 << 20), float_val: [1] }),
      'WRONG_SIZE',
    ],
    [
      'with a value for more than can be counted',
      encodeTensor({ ...float, tensor_shape: shapeOf(2 ** 40, 2 ** 40), float_val: [1] }),
      'WRONG_SIZE',
    ],
    ['that is cut off', encodeTensor({ ...float, float_val: [1, 2] }).subarray(0, -3), 'MALFORMED_MESSAGE'],
    [
      'with part of a float',
      wrapTensor(Buffer.from('0801120412020801 2a03000080'.replaceAll(' ', ''), 'hex')),
      'MALFORMED_MESSAGE',
    ],
    ['that is no message', Buffer.from('hello'), 'MALFORMED_MESSAGE'],
  ];
  for (const [title, message, reason] of refused) {
    it(`is refused ${title}`, () => assert.equal(refusalOf(() => decode(message)).reason, reason));
  }

  it('is refused when its values take more than a message may', () => {
    const message = encodeTensor({ dtype: 'DT_INT32', tensor_shape: shapeOf(4), int_val: [1, 2, 3, 4] });
    assert.equal(refusalOf(() => decode(message, 15)).code, 'resource_exhausted');
    assert.equal(decode(message, 16).inputs.length, 1);
  });

  it('is refused when the values of all inputs together take more', () => {
    const tensor = { dtype: 'DT_INT32', tensor_shape: shapeOf(2), int_val: [1, 2] };
    const message = encode({ inputs: { x: tensor, y: tensor } });
    assert.equal(refusalOf(() => decode(message, 15)).code, 'resource_exhausted');
    assert.equal(decode(message, 16).inputs.length, 2);
  });

  it('is refused when values stand for too many in all inputs together', () => {
    const inputs = Object.fromEntries(
      Array.from({ length: 5 }, (_, index) => [
        `x${index}`,
        { dtype: 'DT_FLOAT', tensor_shape: shapeOf(60_000), float_val: [1] },
      ]),
    );
    assert.equal(refusalOf(() => decode(encode({ inputs }))).reason, 'WRONG_SIZE');
  });

  it('is refused with more than 1024 inputs', () => {
    const none = { dtype: 'DT_FLOAT', tensor_shape: shapeOf(0) };
    const inputs = Object.fromEntries(Array.from({ length: 1025 }, (_, index) => [`x${index}`, none]));
    assert.equal(refusalOf(() => decode(encode({ inputs }))).reason, 'TOO_MANY_TENSORS');
  });

  it('never breaks the server, whatever its bytes', () => {
    const whole = encodeTensor({ ...float, float_val: [1, 2] });
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const damaged = Buffer.from(whole);
        damaged[at] = byte;
        try {
          decode(damaged);
        } catch (error) {
          assert.equal((error as Error).name, 'ServingError');
        }
      }),
    );
  });
});
