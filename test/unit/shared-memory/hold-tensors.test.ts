import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallContext } from '../../../src/inference/call-context.ts';
import { noParameters } from '../../../src/inference/request.ts';
import type { InferResponse } from '../../../src/inference/response.ts';
import type { SharedTensors, TensorPlace } from '../../../src/inference/shared-memory.ts';
import { ClientMemory } from '../../../src/shared-memory/client-memory.ts';
import { byteElements, zeros } from '../../support/build-request.ts';
import { refusalOf } from '../../support/refusal.ts';
import { SharedObject } from '../../support/shared-object.ts';

const empty = { name: 'x', datatype: 'UINT8', shape: [4], data: new Uint8Array(0) } as const;

/** A region of the bytes 4 to 28 of an object of 32 bytes that count up from 0. */
class Fixture implements Disposable {
  readonly object = new SharedObject(Uint8Array.from({ length: 32 }, (_, index) => index));
  readonly memory = new ClientMemory();

  static async create(): Promise<Fixture> {
    const fixture = new Fixture();
    const { key } = fixture.object;
    await fixture.memory.register('anonymous', { name: 'r', key, offset: 4, byte_size: 24 });
    return fixture;
  }

  inputs(...places: readonly (TensorPlace | undefined)[]): SharedTensors {
    return this.memory.hold({ inputs: places, outputs: new Map() }, new CallContext(0, Infinity));
  }

  outputs(places: Readonly<Record<string, TensorPlace>>): SharedTensors {
    const outputs = new Map(Object.entries(places));
    return this.memory.hold({ inputs: [], outputs }, new CallContext(0, Infinity));
  }

  [Symbol.dispose](): void {
    this.memory[Symbol.dispose]();
    this.object[Symbol.dispose]();
  }
}

function place(offset: number, sizeBytes: number, region = 'r'): TensorPlace {
  return { region, offset, sizeBytes };
}

function answer(outputs: InferResponse['outputs']): InferResponse {
  return { model: 'm', version: '1', id: '', outputs, parameters: noParameters };
}

test('inputs are read from where they stand, and others stay as they are', async () => {
  using fixture = await Fixture.create();
  const own = zeros('y', [1]);
  const shared = fixture.inputs(place(2, 4), undefined);
  assert.equal(shared.inputBytes, 4);
  const [first, second] = shared.readInputs([empty, own]);
  assert.deepEqual(Buffer.from(first?.data ?? []), Buffer.from([6, 7, 8, 9]));
  assert.deepEqual(first?.shape, [4]);
  assert.equal(second, own);
});

test('an input is a copy: what the client writes later does not change it', async () => {
  using fixture = await Fixture.create();
  const [input] = fixture.inputs(place(0, 4)).readInputs([empty]);
  fixture.object.write(Buffer.alloc(32, 255));
  assert.deepEqual(Buffer.from(input?.data ?? []), Buffer.from([4, 5, 6, 7]));
});

test('an input is what the client wrote last before the request, without being registered again', async () => {
  using fixture = await Fixture.create();
  fixture.object.write(Buffer.alloc(32, 255));
  const [input] = fixture.inputs(place(0, 2)).readInputs([empty]);
  assert.deepEqual(Buffer.from(input?.data ?? []), Buffer.from([255, 255]));
});

const outside: readonly (readonly [string, TensorPlace, string])[] = [
  ['behind the end', place(24, 0), "Invalid offset for shared memory region: 'r'"],
  ['before the beginning', place(-4, 4), "Invalid offset for shared memory region: 'r'"],
  ['that reaches over the end', place(20, 5), "Invalid offset + byte size for shared memory region: 'r'"],
  ['of negative size', place(0, -1), "Invalid offset + byte size for shared memory region: 'r'"],
  ['of a size that overflows', place(8, 2 ** 64), "Invalid offset + byte size for shared memory region: 'r'"],
  ['in no known region', place(0, 4, 's'), "Unable to find shared memory region: 's'"],
];

for (const [title, where, text] of outside) {
  test(`a place ${title} is refused, for inputs and for outputs`, async () => {
    using fixture = await Fixture.create();
    assert.equal(refusalOf(() => fixture.inputs(undefined, where)).message, text);
    assert.equal(refusalOf(() => fixture.outputs({ y: where })).message, text);
  });
}

test('outputs are written to where they are wanted, and the answer says how many bytes they have there', async () => {
  using fixture = await Fixture.create();
  const shared = fixture.outputs({ y: place(4, 16) });
  const text = byteElements('y', ['ab', 'c']);
  const other = zeros('z', [2]);
  const response = shared.writeOutputs(answer([text, other]));
  assert.deepEqual(response.outputs, [{ ...text, data: new Uint8Array(0) }, other]);
  assert.deepEqual([...(response.shared ?? [])], [['y', place(4, 11)]]);
  const written = fixture.object.read();
  assert.deepEqual(written.subarray(8, 19), Buffer.from(text.data));
  assert.deepEqual(written.subarray(0, 8), Buffer.from([0, 1, 2, 3, 4, 5, 6, 7]));
  assert.deepEqual(written.subarray(19), Buffer.from([19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31]));
});

test('when one output is too large for its place, none is written', async () => {
  using fixture = await Fixture.create();
  const shared = fixture.outputs({ y: place(0, 8), z: place(8, 7) });
  const before = fixture.object.read();
  const refused = refusalOf(() => shared.writeOutputs(answer([zeros('y', [2]), zeros('z', [2])])));
  assert.equal(refused.code, 'invalid_argument');
  assert.equal(
    refused.message,
    "shared memory size specified with the request for output 'z' (7 bytes) should be at least 8 bytes to hold the results",
  );
  assert.deepEqual(fixture.object.read(), before);
});

test('an object that became shorter is an error for inputs and outputs, and is not made longer again', async () => {
  using fixture = await Fixture.create();
  fixture.object.truncate(8);
  const reading = refusalOf(() => fixture.inputs(place(0, 8)).readInputs([empty]));
  assert.equal(reading.code, 'failed_precondition');
  assert.equal(reading.message, "shared memory region 'r' is smaller than when it was registered");
  const writing = refusalOf(() =>
    fixture.outputs({ y: place(0, 8) }).writeOutputs(answer([zeros('y', [2])])),
  );
  assert.equal(writing.reason, 'SHARED_MEMORY_TRUNCATED');
  assert.equal(fixture.object.read().length, 8);
  const [input] = fixture.inputs(place(0, 4)).readInputs([empty]);
  assert.equal(input?.data.length, 4);
});

test('an object that was removed is still the one that was registered', async () => {
  using fixture = await Fixture.create();
  fixture.object.replaceByLink('/etc/passwd');
  const [input] = fixture.inputs(place(0, 4)).readInputs([empty]);
  assert.deepEqual(Buffer.from(input?.data ?? []), Buffer.from([4, 5, 6, 7]));
});
