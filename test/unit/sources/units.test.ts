import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unitsOf, type Unit } from '../../../src/sources/units.ts';
import { refusalOf } from '../../support/refusal.ts';
import { remoteFile } from '../../support/puppet-origin.ts';

function units(...paths: readonly string[]): readonly Unit[] {
  return unitsOf(
    paths.map((path) => remoteFile(path)),
    'named',
  );
}

function shape(found: readonly Unit[]): Record<string, string[]> {
  return Object.fromEntries(
    found.map(({ place, files }) => [place, files.map(({ parts }) => parts.join('/')).sort()]),
  );
}

const layouts: readonly (readonly [string, readonly string[], Record<string, string[]>])[] = [
  [
    'versions of models apart from what lies beside them',
    ['iris/config.pbtxt', 'iris/1/model.onnx', 'iris/2/model.onnx', 'iris/2/data/w.bin', 'README.md'],
    { 'iris/1': ['model.onnx'], 'iris/2': ['data/w.bin', 'model.onnx'], iris: ['config.pbtxt'] },
  ],
  [
    'a single model with versions under the name of the place',
    ['1/model.onnx'],
    { 'named/1': ['model.onnx'], named: [] },
  ],
  [
    'a single model with a configuration',
    ['config.pbtxt', '3/m.onnx'],
    { 'named/3': ['m.onnx'], named: ['config.pbtxt'] },
  ],
  [
    'a lone model.onnx with its data',
    ['model.onnx', 'model.onnx.data'],
    { named: ['model.onnx', 'model.onnx.data'] },
  ],
  [
    'a flat folder with all that lies in it',
    ['a.onnx', 'b.onnx', 'b.data'],
    { '': ['a.onnx', 'b.data', 'b.onnx'] },
  ],
];
for (const [title, paths, expected] of layouts) {
  test(`groups ${title}`, () => assert.deepEqual(shape(units(...paths)), expected));
}

test('a version that holds nothing but a hidden file or a marker is there, and empty', () => {
  const paths = ['e/config.pbtxt', 'e/1/.gitkeep', 'e/2/', 'e/x/.gitkeep', '.git/1/.x', 'e/3/deep/.gitkeep'];
  assert.deepEqual(shape(units(...paths)), { 'e/1': [], 'e/2': [], e: ['config.pbtxt'] });
  assert.deepEqual(shape(units('config.pbtxt', '1/.gitkeep')), { 'named/1': [], named: ['config.pbtxt'] });
});

test('a new version leaves the other versions as they are, and makes the model another one', () => {
  const before = new Map(units('m/config.pbtxt', 'm/1/model.onnx').map(({ place, id }) => [place, id]));
  const after = new Map(
    units('m/config.pbtxt', 'm/1/model.onnx', 'm/2/model.onnx').map(({ place, id }) => [place, id]),
  );
  assert.equal(after.get('m/1'), before.get('m/1'));
  assert.notEqual(after.get('m'), before.get('m'));
});

test('another content is another unit', () => {
  const id = (text: string) => unitsOf([remoteFile('m/1/model.onnx', text)], 'x')[0]?.id;
  assert.notEqual(id('a'), id('b'));
  assert.equal(id('a'), id('a'));
});

for (const [title, paths] of [
  ['a file that is a folder as well', ['m/1/model.onnx', 'm/1']],
  ['a path that is there twice', ['m/1/model.onnx', 'm/1/model.onnx']],
  ['a path that leads up', ['m/1/model.onnx', 'm/../../model.onnx']],
] as const) {
  test(`refuses ${title}`, () => assert.equal(refusalOf(() => units(...paths)).reason, 'SOURCE_REFUSED'));
}

test('refuses more than ten thousand files', () => {
  const files = Array.from({ length: 10_001 }, (_, index) => remoteFile(`m/1/f${index}`, ''));
  assert.match(refusalOf(() => unitsOf(files, 'x')).message, /more than 10000 files/);
});
