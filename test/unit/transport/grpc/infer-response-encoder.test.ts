import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { datatypes } from '../../../../src/inference/datatype.ts';
import { noParameters } from '../../../../src/inference/request.ts';
import type { InferResponse } from '../../../../src/inference/response.ts';
import {
  encodeStreamError,
  InferResponseEncoder,
} from '../../../../src/transport/grpc/infer-response-encoder.ts';
import { toBuffer } from '../../../support/fake-call.ts';
import { decodeResponse, decodeStreamResponse, type Plain } from '../../../support/protobuf-reference.ts';

const name = fc.string({ unit: 'binary', maxLength: 40 });
const output = fc.record({
  name,
  datatype: fc.constantFrom(...datatypes),
  shape: fc.array(fc.maxSafeNat(), { maxLength: 5 }),
  data: fc.oneof(
    fc.uint8Array({ maxLength: 50 }),
    fc.nat({ max: 40_000 }).map((size) => Buffer.alloc(size, size)),
  ),
});
const value = fc.oneof(
  fc.boolean(),
  fc.string(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noInteger: true }),
  fc.bigInt(2n ** 53n, 2n ** 64n - 1n),
);
const response: fc.Arbitrary<InferResponse> = fc.record({
  model: name,
  version: name,
  id: name,
  outputs: fc.array(output, { maxLength: 4 }),
  parameters: fc.array(fc.tuple(name, value), { maxLength: 2 }).map((entries) => new Map(entries)),
});

/** What protobufjs should read. */
function expected(answer: InferResponse): Plain {
  return {
    model_name: answer.model,
    model_version: answer.version,
    id: answer.id,
    parameters: Object.fromEntries([...answer.parameters].map(([key, one]) => [key, plainParameter(one)])),
    outputs: answer.outputs.map((one) => ({
      name: one.name,
      datatype: one.datatype,
      shape: one.shape.map(String),
      parameters: {},
      contents: null,
    })),
    raw_output_contents: answer.outputs.map((one) => Buffer.from(one.data)),
  };
}

function plainParameter(one: boolean | string | number | bigint): Plain {
  if (typeof one === 'boolean') return { bool_param: one };
  if (typeof one === 'string') return { string_param: one };
  if (typeof one === 'bigint' && one >= 2n ** 63n) return { uint64_param: String(one) };
  return Number.isInteger(one) || typeof one === 'bigint'
    ? { int64_param: String(one) }
    : { double_param: one };
}

/** Map entries of the key __proto__ are lost in plain objects; that is the reference's limit, not the encoder's. */
const isPlain = (answer: InferResponse): boolean => !answer.parameters.has('__proto__');

describe('InferResponseEncoder', () => {
  it('writes what protobufjs reads, twice the same', () => {
    const encoder = new InferResponseEncoder();
    fc.assert(
      fc.property(response.filter(isPlain), (answer) => {
        const bytes = toBuffer(encoder.encode(answer));
        assert.deepEqual(decodeResponse(bytes), expected(answer));
        assert.deepEqual(toBuffer(encoder.encode(answer)), bytes);
      }),
      { numRuns: 60 },
    );
  });

  it('writes stream messages that protobufjs reads, with parameters of their own', () => {
    const encoder = new InferResponseEncoder();
    const parameters = new Map([['triton_final_response', true]]);
    fc.assert(
      fc.property(response, (answer) => {
        const read = decodeStreamResponse(toBuffer(encoder.encodeInStream(answer, parameters)));
        assert.deepEqual(read, { error_message: '', infer_response: expected({ ...answer, parameters }) });
      }),
      { numRuns: 40 },
    );
  });

  it('sends large tensors where they are, and copies small ones together', () => {
    const encoder = new InferResponseEncoder();
    const answer = (sizeBytes: number): InferResponse => ({
      model: 'm',
      version: '1',
      id: '',
      outputs: [{ name: 'y', datatype: 'UINT8', shape: [sizeBytes], data: Buffer.alloc(sizeBytes) }],
      parameters: noParameters,
    });
    assert.ok(encoder.encode(answer(100)) instanceof Uint8Array);
    const large = answer(100_000);
    const pieces = encoder.encode(large);
    assert.ok(!(pieces instanceof Uint8Array));
    assert.equal(pieces[1], large.outputs[0]?.data);
  });

  it('says where an output stands that is in shared memory, and keeps its place among the raw contents', () => {
    const encoder = new InferResponseEncoder();
    const outputs = [
      { name: 'y', datatype: 'FP32', shape: [2], data: new Uint8Array(0) },
      { name: 'z', datatype: 'FP32', shape: [1], data: Buffer.alloc(4, 1) },
    ] as const;
    const base: InferResponse = { model: 'm', version: '1', id: '', outputs, parameters: noParameters };
    const encode = (answer: InferResponse): Plain => decodeResponse(toBuffer(encoder.encode(answer)));
    for (const offset of [0, 4]) {
      const shared = new Map([['y', { region: 'r', offset, sizeBytes: 8 }]]);
      const { outputs: read, raw_output_contents: raws } = encode({ ...base, shared });
      assert.deepEqual(
        (read as Plain[]).map(({ parameters }) => parameters),
        [
          {
            shared_memory_region: { string_param: 'r' },
            shared_memory_byte_size: { int64_param: '8' },
            ...(offset === 0 ? {} : { shared_memory_offset: { int64_param: '4' } }),
          },
          {},
        ],
      );
      assert.deepEqual(raws, [Buffer.alloc(0), Buffer.alloc(4, 1)]);
    }
    assert.deepEqual(encode(base), expected(base));
  });

  it('does not mix answers up that differ in one name, type, dimension or version', () => {
    const encoder = new InferResponseEncoder();
    const one = { name: 'y', datatype: 'FP32', shape: [1, 2], data: Buffer.alloc(8) } as const;
    const base: InferResponse = {
      model: 'm',
      version: '1',
      id: 'i',
      outputs: [one],
      parameters: noParameters,
    };
    const variants: readonly InferResponse[] = [
      base,
      { ...base, version: '2' },
      { ...base, outputs: [{ ...one, name: 'z' }] },
      { ...base, outputs: [{ ...one, datatype: 'INT32' }] },
      { ...base, outputs: [{ ...one, shape: [2, 1] }] },
      { ...base, outputs: [{ ...one, shape: [2] }] },
      { ...base, outputs: [one, one] },
      { ...base, outputs: [] },
    ];
    for (const answer of [...variants, ...variants]) {
      assert.deepEqual(decodeResponse(toBuffer(encoder.encode(answer))), expected(answer));
    }
  });

  it('reports a failure of a stream with its id alone', () => {
    const read = decodeStreamResponse(encodeStreamError('no such luck', 'id 7', new Map([['last', true]])));
    assert.equal(read['error_message'], 'no such luck');
    assert.equal((read['infer_response'] as Plain)['id'], 'id 7');
    assert.deepEqual((read['infer_response'] as Plain)['outputs'], []);
  });
});
