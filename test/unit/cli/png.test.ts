import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPng } from '../../../src/cli/png.ts';
import { buildPng } from '../../support/build-png.ts';

test('the five row filters are undone', () => {
  // Written by hand from the specification: each row repeats 10, 20, 30 through another filter.
  const rows = [0, 10, 20, 30, 1, 10, 10, 10, 2, 0, 0, 0, 3, 5, 5, 5, 4, 0, 0, 0];
  const file = buildPng({ width: 3, height: 5, depth: 8, colour: 0 }, rows);
  const { samples, channels, maximum } = readPng(file, 'f');
  assert.deepEqual([channels, maximum], [1, 255]);
  assert.deepEqual([...samples], [10, 20, 30, 10, 20, 30, 10, 20, 30, 10, 20, 30, 10, 20, 30]);
});

test('colours keep their order, alpha is dropped', () => {
  const rgb = readPng(buildPng({ width: 1, height: 1, depth: 8, colour: 2 }, [0, 1, 2, 3]), 'f');
  assert.deepEqual([rgb.channels, ...rgb.samples], [3, 1, 2, 3]);
  const rgba = readPng(
    buildPng({ width: 2, height: 1, depth: 8, colour: 6 }, [0, 1, 2, 3, 255, 4, 5, 6, 0]),
    'f',
  );
  assert.deepEqual([rgba.channels, ...rgba.samples], [3, 1, 2, 3, 4, 5, 6]);
  const greyAlpha = readPng(buildPng({ width: 2, height: 1, depth: 8, colour: 4 }, [0, 7, 255, 8, 0]), 'f');
  assert.deepEqual([greyAlpha.channels, ...greyAlpha.samples], [1, 7, 8]);
});

test('grey of few bits and palettes are unfolded', () => {
  const grey = readPng(
    buildPng({ width: 3, height: 2, depth: 2, colour: 0 }, [0, 0b00011000, 0, 0b11000000]),
    'f',
  );
  assert.deepEqual([grey.maximum, ...grey.samples], [3, 0, 1, 2, 3, 0, 0]);
  const palette = [9, 9, 9, 1, 2, 3];
  const colours = readPng(
    buildPng({ width: 2, height: 1, depth: 1, colour: 3, palette }, [0, 0b01000000]),
    'f',
  );
  assert.deepEqual([colours.channels, ...colours.samples], [3, 9, 9, 9, 1, 2, 3]);
});

test('what is not read is refused with what to do', () => {
  const interlaced = buildPng({ width: 1, height: 1, depth: 8, colour: 0, interlace: 1 }, [0, 1]);
  assert.throws(
    () => readPng(interlaced, 'f.png'),
    /f\.png: this kind of PNG is not read; save it with 8 bits/,
  );
  const deep = buildPng({ width: 1, height: 1, depth: 16, colour: 0 }, [0, 1, 1]);
  assert.throws(() => readPng(deep, 'f.png'), /not read/);
});

test('damaged files are refused', () => {
  const file = buildPng({ width: 3, height: 1, depth: 8, colour: 0 }, [0, 1]);
  assert.throws(() => readPng(file, 'f.png'), /damaged/);
  assert.throws(() => readPng(file.subarray(0, 20), 'f.png'), /damaged/);
  const outside = buildPng({ width: 1, height: 1, depth: 8, colour: 3, palette: [1, 2, 3] }, [0, 1]);
  assert.throws(() => readPng(outside, 'f.png'), /damaged/);
});

test('a small file cannot claim a picture that fills the memory', () => {
  const huge = buildPng({ width: 100_000, height: 100_000, depth: 8, colour: 0 }, [0]);
  assert.throws(() => readPng(huge, 'f.png'), /not read/);
});
