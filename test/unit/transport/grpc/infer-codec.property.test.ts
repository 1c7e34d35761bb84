import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { ServingError } from '../../../../src/errors.ts';
import type { Datatype } from '../../../../src/inference/datatype.ts';
import type { InferRequest, Parameter, Parameters } from '../../../../src/inference/request.ts';
import { InferRequestDecoder } from '../../../../src/transport/grpc/infer-request-decoder.ts';
import { decodeRequest, encodeRequest, type Plain } from '../../../support/protobuf-reference.ts';
import { findOddity, requestSchema } from '../../../support/wire-oddities.ts';

const maxMessageBytes = 1 << 20;

const name = fc.string({ unit: 'binary', maxLength: 12 });
const integer = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);
const parameter: fc.Arbitrary<Plain> = fc.oneof(
  fc.record({ bool_param: fc.boolean() }),
  fc.record({ int64_param: integer.map(String) }),
  fc.record({ string_param: name }),
  fc.record({ double_param: fc.double({ noNaN: true }) }),
  fc.record({ uint64_param: fc.bigInt(0n, 2n ** 64n - 1n).map(String) }),
);
const parameters = fc.dictionary(name, parameter, { maxKeys: 3, noNullPrototype: true });
const shape = fc.array(fc.maxSafeInteger().map(String), { maxLength: 4 });

/** What an element of each datatype may be, in the field that the datatype uses. */
const elements = {
  BOOL: ['bool_contents', fc.boolean()],
  INT8: ['int_contents', fc.integer({ min: -128, max: 127 })],
  INT16: ['int_contents', fc.integer({ min: -32_768, max: 32_767 })],
  INT32: ['int_contents', fc.integer()],
  INT64: ['int64_contents', integer.map(String)],
  UINT8: ['uint_contents', fc.integer({ min: 0, max: 255 })],
  UINT16: ['uint_contents', fc.integer({ min: 0, max: 65_535 })],
  UINT32: ['uint_contents', fc.integer({ min: 0, max: 2 ** 32 - 1 })],
  UINT64: ['uint64_contents', fc.bigInt(0n, 2n ** 64n - 1n).map(String)],
  FP32: ['fp32_contents', fc.float({ noNaN: true })],
  FP64: ['fp64_contents', fc.double({ noNaN: true })],
  BYTES: ['bytes_contents', fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes))],
} as const;
type TypedDatatype = keyof typeof elements;
const typedDatatypes = Object.keys(elements) as TypedDatatype[];

const typedInput: fc.Arbitrary<Plain> = fc.constantFrom(...typedDatatypes).chain((datatype) => {
  const [field, element] = elements[datatype];
  return fc.record({
    name,
    datatype: fc.constant(datatype),
    shape,
    parameters,
    contents: fc.record({ [field]: fc.array<unknown>(element, { maxLength: 8 }) }),
  });
});
const rawInput: fc.Arbitrary<Plain> = fc.record({
  name,
  datatype: fc.constantFrom('FP32', 'FP16', 'BYTES', 'INT64'),
  shape,
  parameters,
});
const head = {
  model_name: name,
  model_version: name,
  id: name,
  parameters,
  outputs: fc.array(fc.record({ name, parameters }), { maxLength: 3 }),
};
const typedRequest = fc.record({ ...head, inputs: fc.array(typedInput, { maxLength: 3 }) });
const rawRequest = fc
  .record({
    ...head,
    pairs: fc.array(fc.tuple(rawInput, fc.uint8Array({ maxLength: 300 })), { maxLength: 3 }),
  })
  .map(({ pairs, ...rest }): Plain => ({
    ...rest,
    inputs: pairs.map(([input]) => input),
    raw_input_contents: pairs.map(([, bytes]) => Buffer.from(bytes)),
  }));
const request: fc.Arbitrary<Plain> = fc.oneof(typedRequest, rawRequest);

interface PlainInput extends Plain {
  readonly datatype: string;
  readonly contents: Record<string, unknown[]> | null;
}

/** The InferRequest that a decoded message means; the straightforward way. */
function expected(message: Plain): InferRequest {
  const raws = [...(message['raw_input_contents'] as Buffer[])];
  return {
    model: message['model_name'] as string,
    version: message['model_version'] as string,
    id: message['id'] as string,
    inputs: (message['inputs'] as PlainInput[]).map((input) => ({
      name: input['name'] as string,
      datatype: input.datatype as Datatype,
      shape: (input['shape'] as string[]).map(Number),
      data: input.contents === null ? (raws.shift() ?? Buffer.alloc(0)) : toWire(input),
    })),
    outputs: (message['outputs'] as Plain[]).map((output) => ({
      name: output['name'] as string,
      parameters: toParameters(output['parameters'] as Record<string, Plain>),
    })),
    parameters: toParameters(message['parameters'] as Record<string, Plain>),
  };
}

function toParameters(map: Record<string, Plain>): Parameters {
  return new Map(
    Object.entries(map).map(([key, choice]) => {
      const [field = '', value] = Object.entries(choice).at(-1) ?? [];
      const isInteger = field === 'int64_param' || field === 'uint64_param';
      return [key, isInteger ? toInteger(BigInt(value as string)) : (value as Parameter)];
    }),
  );
}

function toInteger(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function toWire({ datatype, contents }: PlainInput): Uint8Array {
  const [field] = elements[datatype as TypedDatatype];
  const values = contents?.[field] ?? [];
  switch (datatype) {
    case 'BOOL':
      return Uint8Array.from(values as boolean[], Number);
    case 'INT8':
      return bytesOf(Int8Array.from(values as number[]));
    case 'UINT8':
      return Uint8Array.from(values as number[]);
    case 'INT16':
      return bytesOf(Int16Array.from(values as number[]));
    case 'UINT16':
      return bytesOf(Uint16Array.from(values as number[]));
    case 'INT32':
      return bytesOf(Int32Array.from(values as number[]));
    case 'UINT32':
      return bytesOf(Uint32Array.from(values as number[]));
    case 'INT64':
      return bytesOf(BigInt64Array.from((values as string[]).map(BigInt)));
    case 'UINT64':
      return bytesOf(BigUint64Array.from((values as string[]).map(BigInt)));
    case 'FP32':
      return bytesOf(Float32Array.from(values as number[]));
    case 'FP64':
      return bytesOf(Float64Array.from(values as number[]));
    default:
      return Buffer.concat(
        (values as Buffer[]).flatMap((element) => {
          const size = Buffer.alloc(4);
          size.writeUInt32LE(element.length);
          return [size, element];
        }),
      );
  }
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** The same in one form: data as hex, so that Buffers and other arrays compare by content. */
function normal(value: InferRequest): unknown {
  return {
    ...value,
    inputs: value.inputs.map((input) => ({ ...input, data: Buffer.from(input.data).toString('hex') })),
  };
}

function decodes(decoder: InferRequestDecoder, bytes: Buffer): InferRequest | ServingError {
  try {
    return decoder.decode(bytes);
  } catch (thrown) {
    if (thrown instanceof ServingError) return thrown;
    throw thrown;
  }
}

describe('InferRequestDecoder against protobufjs', () => {
  it('reads generated messages to the same values, the first time and from the skeleton', () => {
    fc.assert(
      fc.property(request, (message) => {
        const decoder = new InferRequestDecoder(maxMessageBytes);
        const bytes = encodeRequest(message);
        const wanted = normal(expected(decodeRequest(bytes)));
        assert.deepEqual(normal(decoder.decode(bytes)), wanted);
        assert.deepEqual(normal(decoder.decode(bytes)), wanted);
      }),
      { numRuns: 60 },
    );
  });

  it('never mixes requests up that share a skeleton cache', () => {
    const decoder = new InferRequestDecoder(maxMessageBytes);
    const small = fc.record({
      model_name: fc.constantFrom('a', 'b'),
      id: fc.constantFrom('', '1', 'ü', 'long id'),
      shape: fc.constantFrom(['1'], ['2'], ['1', '1']),
      datatype: fc.constantFrom('FP32', 'INT8'),
      raw: fc.uint8Array({ maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(small, { minLength: 5, maxLength: 20 }), (requests) => {
        for (const { shape, datatype, raw, ...rest } of requests) {
          const bytes = encodeRequest({
            ...rest,
            inputs: [{ name: 'x', shape, datatype }],
            raw_input_contents: [Buffer.from(raw)],
          });
          assert.deepEqual(normal(decoder.decode(bytes)), normal(expected(decodeRequest(bytes))));
        }
      }),
      { numRuns: 20 },
    );
  });

  it('reads fields in any order, merging the parts of a message, as protobufjs does', () => {
    fc.assert(
      fc.property(rawRequest, rawRequest, fc.boolean(), (first, second, twice) => {
        // The concatenation of two messages is their merge.
        const bytes = Buffer.concat([encodeRequest(first), encodeRequest(twice ? second : {})]);
        const outcome = decodes(new InferRequestDecoder(maxMessageBytes), bytes);
        if (outcome instanceof ServingError) throw outcome;
        assert.deepEqual(normal(outcome), normal(expected(decodeRequest(bytes))));
      }),
      { numRuns: 40 },
    );
  });

  it('accepts and rejects mutated messages like protobufjs, and reads the same values, where that is a reference', () => {
    const mutation = fc.record({
      message: request,
      at: fc.nat(),
      kind: fc.constantFrom('flip', 'cut', 'insert', 'drop'),
      byte: fc.integer({ min: 0, max: 255 }),
    });
    const decoder = new InferRequestDecoder(maxMessageBytes);
    const seen = { accepted: 0, malformed: 0 };
    fc.assert(
      fc.property(mutation, ({ message, at, kind, byte }) => {
        const bytes = mutate(encodeRequest(message), at, kind, byte);
        const outcome = decodes(decoder, bytes);
        const oddity = findOddity(bytes, requestSchema);
        if (oddity === 'malformed') {
          assert.ok(outcome instanceof ServingError, `accepted ${bytes.toString('hex')}`);
          seen.malformed++;
        }
        if (oddity !== 'none') return;
        const reference = referenceDecode(bytes);
        if (!(outcome instanceof ServingError)) {
          assert.ok(reference !== undefined, `accepted ${bytes.toString('hex')}`);
          assert.deepEqual(normal(outcome), normal(expected(reference)));
          seen.accepted++;
        } else if (outcome.reason === 'MALFORMED_MESSAGE') {
          assert.equal(reference, undefined, `rejected ${bytes.toString('hex')}`);
        } else assert.equal(outcome.code, 'invalid_argument');
      }),
      { numRuns: 400 },
    );
    assert.ok(seen.accepted > 0 && seen.malformed > 0, 'the mutations are too harsh or too mild');
  });

  it("throws nothing but a client's mistake for arbitrary bytes", () => {
    const decoder = new InferRequestDecoder(maxMessageBytes);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const outcome = decodes(decoder, Buffer.from(bytes));
        if (outcome instanceof ServingError) assert.equal(outcome.code, 'invalid_argument');
      }),
      { numRuns: 300 },
    );
  });
});

function referenceDecode(bytes: Buffer): Plain | undefined {
  try {
    return decodeRequest(bytes);
  } catch {
    return undefined;
  }
}

function mutate(bytes: Buffer, at: number, kind: string, byte: number): Buffer {
  const index = bytes.length === 0 ? 0 : at % bytes.length;
  const before = bytes.subarray(0, index);
  if (kind === 'cut') return Buffer.from(before);
  if (kind === 'drop') return Buffer.concat([before, bytes.subarray(index + 1)]);
  const rest = bytes.subarray(kind === 'insert' ? index : index + 1);
  return Buffer.concat([before, Buffer.from([byte]), rest]);
}
