import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isNetpbm, readNetpbm } from '../../../src/cli/netpbm.ts';

test('plain and binary, grey and colour files are read', () => {
  const plain = readNetpbm(Buffer.from('P2\n# a note\n3 1\n# another\n16\n0 8 16\n'), 'f');
  assert.deepEqual(
    { ...plain, samples: [...plain.samples] },
    { width: 3, height: 1, channels: 1, maximum: 16, samples: [0, 8, 16] },
  );
  const binary = readNetpbm(Buffer.concat([Buffer.from('P5 2 1 255\n'), Buffer.of(1, 255)]), 'f');
  assert.deepEqual([...binary.samples], [1, 255]);
  const colour = readNetpbm(Buffer.concat([Buffer.from('P6 1 1 255 '), Buffer.of(1, 2, 3)]), 'f');
  assert.deepEqual([colour.channels, ...colour.samples], [3, 1, 2, 3]);
  const deep = readNetpbm(Buffer.concat([Buffer.from('P5 1 1 1000\n'), Buffer.of(1, 2)]), 'f');
  assert.deepEqual([...deep.samples], [258]);
});

test('the example digit is read with its sixteen levels', () => {
  const file = readFileSync(new URL('../../../examples/inputs/digit-7.pgm', import.meta.url));
  const { width, height, maximum } = readNetpbm(file, 'digit-7.pgm');
  assert.deepEqual([width, height, maximum], [8, 8, 16]);
});

for (const [what, content] of [
  ['without a size', 'P2\n'],
  ['of size nought', 'P2 0 1 255\n'],
  ['with too few samples', 'P2 2 1 255\n1'],
  ['with a sample above its maximum', 'P2 1 1 16\n17'],
  ['of absurd size', 'P5 999999999 999999999 255\n'],
] as const) {
  test(`a file ${what} is refused`, () => {
    assert.throws(() => readNetpbm(Buffer.from(content), 'f.pgm'), /f\.pgm/);
  });
}

test('files are known by their first letters', () => {
  assert.equal(isNetpbm(Buffer.from('P2\n')), true);
  assert.equal(isNetpbm(Buffer.from('PNG')), false);
});
