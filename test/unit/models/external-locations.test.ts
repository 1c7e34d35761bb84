import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ServingError } from '../../../src/errors.ts';
import { externalLocations } from '../../../src/models/external-locations.ts';
import { buildOnnx, externalTensor, wireMessage } from '../../support/build-onnx.ts';
import { RepositoryFolder } from '../../support/repository-folder.ts';

async function locationsOf(model: Uint8Array): Promise<readonly string[]> {
  using folder = new RepositoryFolder();
  return [...(await externalLocations(folder.put('model.onnx', model)))];
}

const tensor = externalTensor('secret');
const graph = wireMessage([5, tensor]);
const nodeWith = (attribute: Uint8Array): Uint8Array => wireMessage([4, 'Constant'], [5, attribute]);
const modelOf = (inside: Uint8Array): Uint8Array => wireMessage([7, inside]);

const places: readonly (readonly [string, Uint8Array])[] = [
  ['an initializer', modelOf(graph)],
  ['the values of a sparse initializer', modelOf(wireMessage([15, wireMessage([1, tensor])]))],
  ['the indices of a sparse initializer', modelOf(wireMessage([15, wireMessage([2, tensor])]))],
  ['an attribute', modelOf(wireMessage([1, nodeWith(wireMessage([5, tensor]))]))],
  ['a list of tensors', modelOf(wireMessage([1, nodeWith(wireMessage([10, tensor]))]))],
  ['a sparse attribute', modelOf(wireMessage([1, nodeWith(wireMessage([22, wireMessage([1, tensor])]))]))],
  ['sparse attributes', modelOf(wireMessage([1, nodeWith(wireMessage([23, wireMessage([1, tensor])]))]))],
  ['a subgraph', modelOf(wireMessage([1, nodeWith(wireMessage([6, graph]))]))],
  ['a list of subgraphs', modelOf(wireMessage([1, nodeWith(wireMessage([11, graph]))]))],
  ['a function', wireMessage([25, wireMessage([7, nodeWith(wireMessage([5, tensor]))])])],
  ["a function's default attribute", wireMessage([25, wireMessage([11, wireMessage([5, tensor])])])],
  ['training information', wireMessage([20, wireMessage([2, graph])])],
  ['a graph given after another one', wireMessage([7, wireMessage([2, 'first'])], [7, graph])],
];

for (const [place, model] of places) {
  test(`external data is found in ${place}`, async () => {
    assert.deepEqual(await locationsOf(model), ['secret']);
  });
}

test('external data counts even where the tensor says that its data is inside', async () => {
  const entry = wireMessage([1, 'location'], [2, 'hidden']);
  assert.deepEqual(await locationsOf(modelOf(wireMessage([5, wireMessage([13, entry], [14, 0])]))), [
    'hidden',
  ]);
});

test('of a location given twice in one entry the last counts, as for ONNX Runtime', async () => {
  const entry = wireMessage([2, 'first'], [1, 'location'], [2, 'last']);
  assert.deepEqual(await locationsOf(modelOf(wireMessage([5, wireMessage([13, entry])]))), ['last']);
});

test('a model without external data has none', async () => {
  assert.deepEqual(await locationsOf(buildOnnx()), []);
});

test('large tensors inside the file are skipped, not read, and what follows is found', async () => {
  const large = wireMessage([8, 'large'], [9, new Uint8Array(300_000)]);
  assert.deepEqual(await locationsOf(modelOf(wireMessage([5, large], [5, tensor]))), ['secret']);
});

test('groups, of old protobuf, are skipped', async () => {
  const group = Buffer.from([0x0b, 0x10, 0x05, 0x13, 0x14, 0x1a, 0x01, 0x61, 0x0c]);
  assert.deepEqual(await locationsOf(Buffer.concat([group, modelOf(graph)])), ['secret']);
});

const malformed: readonly (readonly [string, Uint8Array])[] = [
  ['a length beyond the end', Buffer.from([0x3a, 0x10, 0x00])],
  ['a message that ends inside a field', Buffer.from([0x3a, 0x03, 0x2a, 0x02, 0x00])],
  [
    'a field that reaches into what follows its message',
    Buffer.from([0x3a, 0x03, 0x2a, 0x02, 0x08, 0x08, 1]),
  ],
  ['field number 0', Buffer.from([0x02, 0x00])],
  ['an unknown wire type', Buffer.from([0x0f])],
  ['a number that does not end', Buffer.from([0x08, ...new Uint8Array(12).fill(0xff)])],
  ['a tag that is cut to another one by 32-bit readers', Buffer.from([0xba, 0x80, 0x80, 0x80, 0x10, 0x00])],
  ['a group that ends as another', Buffer.from([0x0b, 0x14])],
  ['text', Buffer.from('not a model at all')],
];

for (const [title, bytes] of malformed) {
  test(`${title} is refused as no ONNX model`, async () => {
    await assert.rejects(locationsOf(bytes), (error) => {
      assert.ok(error instanceof ServingError);
      assert.equal(error.code, 'invalid_argument');
      return /no ONNX model/.test(error.message);
    });
  });
}

test('subgraphs nested beyond what protobuf readers take are refused', async () => {
  let inside = graph;
  for (let depth = 0; depth < 60; depth++) inside = wireMessage([1, nodeWith(wireMessage([6, inside]))]);
  await assert.rejects(locationsOf(modelOf(inside)), /nested too deep/);
});

test('groups nested without end, or deeper than protobuf readers take, are refused', async () => {
  const opened = new Uint8Array(200).fill(0x0b);
  await assert.rejects(locationsOf(opened), /no ONNX model/);
  await assert.rejects(locationsOf(Buffer.concat([opened, new Uint8Array(200).fill(0x0c)])), /no ONNX model/);
});

test('mutated models give locations or a refusal, nothing else', async () => {
  using folder = new RepositoryFolder();
  const original = places.reduce((joined, [, model]) => Buffer.concat([joined, model]), Buffer.alloc(0));
  const changes = fc.array(fc.tuple(fc.nat(original.length - 1), fc.nat(255)), {
    minLength: 1,
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(changes, fc.nat(original.length), async (bytes, length) => {
      const mutant = Buffer.from(original);
      for (const [at, byte] of bytes) mutant[at] = byte;
      try {
        await externalLocations(folder.put('model.onnx', mutant.subarray(0, length)));
      } catch (error) {
        assert.ok(error instanceof ServingError, String(error));
      }
    }),
    { numRuns: 150 },
  );
});
