import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Picture } from '../../../src/cli/picture.ts';
import { pictureTensor } from '../../../src/cli/picture-tensor.ts';

const raw = { scale: undefined, mean: [], deviation: [] };
const grey: Picture = {
  width: 2,
  height: 2,
  channels: 1,
  maximum: 255,
  samples: Uint8Array.of(0, 51, 102, 255),
};
const colour: Picture = {
  width: 2,
  height: 1,
  channels: 3,
  maximum: 255,
  samples: Uint8Array.of(1, 2, 3, 4, 5, 6),
};

const layouts: readonly (readonly [string, Picture, number[], number[], number[]])[] = [
  ['rows and columns', grey, [2, 2], [2, 2], [0, 51, 102, 255]],
  ['a flat vector', grey, [4], [4], [0, 51, 102, 255]],
  ['channels first', colour, [3, -1, -1], [3, 1, 2], [1, 4, 2, 5, 3, 6]],
  [
    'grey where the model wants colours',
    grey,
    [3, 2, 2],
    [3, 2, 2],
    [0, 51, 102, 255, 0, 51, 102, 255, 0, 51, 102, 255],
  ],
];

for (const [what, picture, dims, shape, data] of layouts) {
  test(`a picture becomes ${what}`, () => {
    assert.deepEqual(pictureTensor(picture, dims, raw), { shape, data });
  });
}

test('a picture becomes channels last', () => {
  assert.deepEqual(pictureTensor(colour, [-1, -1, 3], raw), { shape: [1, 2, 3], data: [1, 2, 3, 4, 5, 6] });
});

test('colours become grey by their brightness', () => {
  const { data } = pictureTensor(colour, [1, 2], raw);
  assert.ok(Math.abs((data[0] ?? 0) - (0.299 + 2 * 0.587 + 3 * 0.114)) < 1e-9);
});

test('another size is interpolated', () => {
  const { shape, data } = pictureTensor(grey, [1, 1], raw);
  assert.deepEqual(shape, [1, 1]);
  assert.deepEqual(data, [(0 + 51 + 102 + 255) / 4]);
  assert.equal(pictureTensor(grey, [4, 4], raw).data.length, 16);
});

test('samples are scaled, then normalised per channel', () => {
  const { data } = pictureTensor(grey, [2, 2], { scale: 1, mean: [0.2], deviation: [0.5] });
  assert.deepEqual(
    data.map((value) => Math.round(value * 1e6) / 1e6),
    [-0.4, 0, 0.4, 1.6],
  );
});

test('an input that is no picture is refused', () => {
  assert.throws(() => pictureTensor(grey, [5], raw), /does not fit an input of shape \[5\]/);
  assert.throws(() => pictureTensor(grey, [7, 2, 2], raw), /does not fit/);
  assert.throws(() => pictureTensor(grey, [1, 2, 2, 2], raw), /does not fit/);
});
