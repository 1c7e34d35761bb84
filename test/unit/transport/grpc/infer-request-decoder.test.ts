import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError, type ErrorCode } from '../../../../src/errors.ts';
import { InferRequestDecoder, readRequestId } from '../../../../src/transport/grpc/infer-request-decoder.ts';
import {
  encodeBytesField,
  encodeStringField,
  encodeVarintField,
} from '../../../../src/transport/grpc/wire-writer.ts';
import { encodeRequest, type Plain } from '../../../support/protobuf-reference.ts';

const input = { name: 'x', datatype: 'FP32', shape: [1, 2] };
const raw = Buffer.from(new Float32Array([1.5, -2]).buffer);

function decode(message: Plain, maxMessageBytes = 1 << 20): ReturnType<InferRequestDecoder['decode']> {
  return new InferRequestDecoder(maxMessageBytes).decode(encodeRequest({ model_name: 'm', ...message }));
}

function refuses(message: Plain, code: ErrorCode, text: string | RegExp, maxMessageBytes?: number): void {
  assert.throws(
    () => decode(message, maxMessageBytes),
    (error: unknown) => {
      assert.ok(error instanceof ServingError);
      assert.equal(error.code, code);
      if (typeof text === 'string') assert.equal(error.message, text);
      else assert.match(error.message, text);
      return true;
    },
  );
}

describe('InferRequestDecoder', () => {
  it('keeps raw tensors as views of the message', () => {
    const bytes = encodeRequest({ model_name: 'm', inputs: [input], raw_input_contents: [raw] });
    const decoder = new InferRequestDecoder(1 << 20);
    for (const turn of ['decoded', 'from the skeleton']) {
      const data = decoder.decode(bytes).inputs[0]?.data;
      assert.equal(data?.buffer, bytes.buffer, turn);
      assert.deepEqual(Buffer.from(data ?? []), raw, turn);
    }
  });

  it('shares the decoded metadata of equal requests, and keeps their ids and data apart', () => {
    const decoder = new InferRequestDecoder(1 << 20);
    const request = (id: string, byte: number): Buffer =>
      encodeRequest({
        model_name: 'm',
        id,
        inputs: [input],
        outputs: [{ name: 'y' }],
        raw_input_contents: [Buffer.alloc(8, byte)],
      });
    const [first, second] = [decoder.decode(request('one', 1)), decoder.decode(request('another', 2))];
    assert.equal(first.outputs, second.outputs);
    assert.equal(first.inputs[0]?.shape, second.inputs[0]?.shape);
    assert.deepEqual([first.id, second.id], ['one', 'another']);
    assert.deepEqual([first.inputs[0]?.data[0], second.inputs[0]?.data[0]], [1, 2]);
    assert.equal(decoder.decode(request('', 3)).id, '');
    assert.equal(decoder.decode(request('ünïcode', 3)).id, 'ünïcode');
    assert.equal(decoder.decode(request('x'.repeat(500), 3)).id, 'x'.repeat(500));
  });

  it('does not take its own copy of the metadata from a buffer that is used again', () => {
    const decoder = new InferRequestDecoder(1 << 20);
    const bytes = encodeRequest({ model_name: 'm', inputs: [input], raw_input_contents: [raw] });
    decoder.decode(bytes);
    const other = encodeRequest({ model_name: 'n', inputs: [input], raw_input_contents: [raw] });
    other.copy(bytes);
    assert.equal(decoder.decode(bytes).model, 'n');
    assert.equal(
      decoder.decode(encodeRequest({ model_name: 'm', inputs: [input], raw_input_contents: [raw] })).model,
      'm',
    );
  });

  it('goes on remembering when there are more kinds of requests than it can', () => {
    const decoder = new InferRequestDecoder(1 << 20);
    for (let turn = 0; turn < 2; turn++) {
      for (let index = 0; index < 2000; index++) {
        const model = `model-${index}`;
        const bytes = encodeRequest({ model_name: model, inputs: [input], raw_input_contents: [raw] });
        assert.equal(decoder.decode(bytes).model, model);
      }
    }
  });

  it('refuses an input without data', () => {
    const text = "unable to find data for input tensor 'x' for model 'm' in request.";
    refuses({ inputs: [input] }, 'invalid_argument', text);
    refuses({ inputs: [input, input], raw_input_contents: [raw] }, 'invalid_argument', text);
  });

  it('refuses contents beside raw contents', () => {
    refuses(
      { inputs: [{ ...input, contents: { fp32_contents: [1, 2] } }], raw_input_contents: [raw] },
      'invalid_argument',
      "contents field must not be specified when using raw_input_contents for 'x' for model 'm'",
    );
  });

  it('refuses raw contents that belong to no input, also of a known kind of request', () => {
    const decoder = new InferRequestDecoder(1 << 20);
    decoder.decode(encodeRequest({ model_name: 'm', inputs: [input], raw_input_contents: [raw] }));
    const more = encodeRequest({ model_name: 'm', inputs: [input], raw_input_contents: [raw, raw] });
    assert.throws(() => decoder.decode(more), /unexpected additional input data/);
  });

  it('says where tensors in shared memory stand; raw contents belong to the other inputs', () => {
    const parameters = {
      shared_memory_region: { string_param: 'r' },
      shared_memory_byte_size: { int64_param: 8 },
      shared_memory_offset: { int64_param: 16 },
    };
    const place = { region: 'r', offset: 16, sizeBytes: 8 };
    const decoded = decode({
      model_name: 'm',
      inputs: [
        { ...input, parameters },
        { ...input, name: 'z' },
      ],
      raw_input_contents: [raw],
      outputs: [{ name: 'y', parameters }, { name: 'w' }],
    });
    assert.deepEqual(decoded.shared?.inputs, [place, undefined]);
    assert.deepEqual([...(decoded.shared?.outputs ?? [])], [['y', place]]);
    assert.equal(decoded.inputs[0]?.data.length, 0);
    assert.deepEqual(Buffer.from(decoded.inputs[1]?.data ?? []), raw);
    refuses(
      { inputs: [{ ...input, parameters, contents: { fp32_contents: [1, 2] } }] },
      'invalid_argument',
      "unexpected 'content' provided when using shared memory for input tensor 'x' for model 'm'",
    );
  });

  it('finds outputs in shared memory again in a message that it has seen before', () => {
    const decoder = new InferRequestDecoder(1 << 20);
    const parameters = {
      shared_memory_region: { string_param: 'r' },
      shared_memory_byte_size: { int64_param: 8 },
    };
    const bytes = encodeRequest({
      model_name: 'm',
      inputs: [input],
      raw_input_contents: [raw],
      outputs: [{ name: 'y', parameters }],
    });
    for (let turn = 0; turn < 3; turn++) assert.equal(decoder.decode(bytes).shared?.outputs.size, 1);
  });

  it('refuses an unknown data-type', () => {
    refuses(
      { inputs: [{ ...input, datatype: 'FLOAT' }], raw_input_contents: [raw] },
      'invalid_argument',
      /^inference input 'x' data-type is 'FLOAT'/,
    );
  });

  it('refuses dimensions that JavaScript cannot count, and keeps negative ones for the validation', () => {
    refuses(
      { inputs: [{ ...input, shape: ['9007199254740992'] }], raw_input_contents: [raw] },
      'invalid_argument',
      /9007199254740992.*out of range/,
    );
    const { inputs } = decode({ inputs: [{ ...input, shape: [-1, 4] }], raw_input_contents: [raw] });
    assert.deepEqual(inputs[0]?.shape, [-1, 4]);
  });

  it('bounds counts before they cost memory', () => {
    const many = Array.from({ length: 2000 }, () => ({ name: 'x', datatype: 'FP32' }));
    refuses({ inputs: many }, 'invalid_argument', 'more than 1024 inputs');
    refuses({ outputs: many.map(({ name }) => ({ name })) }, 'invalid_argument', 'more than 1024 outputs');
    refuses(
      { raw_input_contents: many.map(() => Buffer.alloc(0)) },
      'invalid_argument',
      'more than 1024 raw_input_contents',
    );
    refuses(
      { inputs: [{ ...input, shape: Array.from({ length: 65 }, () => 1) }] },
      'invalid_argument',
      /more than 64 dimensions/,
    );
    const parameters = Object.fromEntries(many.map((_, index) => [`p${index}`, { bool_param: true }]));
    refuses({ parameters }, 'invalid_argument', 'more than 256 parameters');
  });

  it('refuses a parameter without a value', () => {
    refuses({ parameters: { p: {} } }, 'invalid_argument', "parameter 'p' has no value");
  });

  it('takes the last of repeated parts of a parameter, and merges contents', () => {
    const entry = Buffer.concat([
      encodeStringField(1, 'p'),
      encodeBytesField(2, encodeVarintField(2, 5)),
      encodeBytesField(2, encodeStringField(3, 'last')),
    ]);
    const contents = (value: number): Buffer => encodeBytesField(5, encodeVarintField(2, value));
    const tensor = Buffer.concat([encodeStringField(2, 'INT32'), contents(7), contents(8)]);
    const bytes = Buffer.concat([encodeBytesField(4, entry), encodeBytesField(5, tensor)]);
    const request = new InferRequestDecoder(1 << 20).decode(bytes);
    assert.deepEqual(request.parameters, new Map([['p', 'last']]));
    assert.deepEqual(Buffer.from(request.inputs[0]?.data ?? []), Buffer.from(Int32Array.of(7, 8).buffer));
  });

  it('finds the id of a request that does not decode', () => {
    assert.equal(readRequestId(encodeRequest({ id: 'lost', inputs: [{ datatype: 'NONE' }] })), 'lost');
  });
});

describe('typed contents', () => {
  const typed = (datatype: string, contents: Plain): Plain => ({
    inputs: [{ name: 'x', datatype, contents }],
  });

  it('are refused outside the range of a narrow data-type', () => {
    for (const [datatype, contents] of [
      ['INT8', { int_contents: [128] }],
      ['INT8', { int_contents: [-129] }],
      ['INT16', { int_contents: [40_000] }],
      ['UINT8', { uint_contents: [256] }],
      ['UINT16', { uint_contents: [65_536] }],
    ] as const) {
      refuses(typed(datatype, contents), 'invalid_argument', /out of range/);
    }
  });

  it('are refused in a field of another data-type, and for data-types without a typed form', () => {
    refuses(typed('FP32', { fp64_contents: [1] }), 'invalid_argument', /fp64_contents.*FP32/);
    refuses(typed('INT64', { int_contents: [1] }), 'invalid_argument', /int_contents.*INT64/);
    refuses(
      typed('FP32', { fp32_contents: [1], bytes_contents: ['AA=='] }),
      'invalid_argument',
      /bytes_contents/,
    );
    for (const datatype of ['FP16', 'BF16']) {
      refuses(typed(datatype, { fp32_contents: [1] }), 'invalid_argument', /no typed form/);
    }
  });

  it('may be empty for an input without elements', () => {
    const [first] = decode({ inputs: [{ ...input, shape: [0], contents: {} }] }).inputs;
    assert.equal(first?.data.length, 0);
  });

  it('of floats in one run stay views of the message', () => {
    const bytes = encodeRequest(typed('FP32', { fp32_contents: [1, 2, 3] }));
    const data = new InferRequestDecoder(1 << 20).decode(bytes).inputs[0]?.data;
    assert.equal(data?.buffer, bytes.buffer);
    assert.deepEqual(Buffer.from(data ?? []), Buffer.from(Float32Array.of(1, 2, 3).buffer));
  });

  it('may not grow beyond the message limit', () => {
    const contents = { int64_contents: Array.from({ length: 1000 }, () => 1) };
    assert.equal(decode(typed('INT64', contents), 8000).inputs[0]?.data.length, 8000);
    refuses(typed('INT64', contents), 'resource_exhausted', /--grpc-max-message-bytes/, 7999);
    const two = {
      inputs: [
        ...(typed('INT64', contents)['inputs'] as Plain[]),
        ...(typed('INT64', contents)['inputs'] as Plain[]),
      ],
    };
    refuses(two, 'resource_exhausted', /--grpc-max-message-bytes/, 15_999);
  });
});
