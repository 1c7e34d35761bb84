import assert from 'node:assert/strict';
import { test } from 'node:test';
import { relativeParts } from '../../../src/sources/relative-path.ts';
import { refusalOf } from '../../support/refusal.ts';

test('a plain path is taken apart', () => {
  assert.deepEqual(relativeParts('iris/1/model.onnx'), ['iris', '1', 'model.onnx']);
  assert.deepEqual(relativeParts('modèle (neu)/1/a+b=c@~_-.onnx'), ['modèle (neu)', '1', 'a+b=c@~_-.onnx']);
});

for (const path of ['.git/config', 'iris/.DS_Store', 'iris/1/.gitattributes', 'iris/', '']) {
  test(`'${path}' is left out`, () => assert.equal(relativeParts(path), undefined));
}

const hostile = [
  '../etc/passwd',
  'iris/../../x',
  'iris/..',
  '../',
  'a/../',
  '/etc/passwd',
  'iris//model.onnx',
  './x',
  'a/./b',
  'a\\..\\b',
  'a\0b',
  'a\nb',
  'C:/x',
  `${'a/'.repeat(20)}b`,
  'a'.repeat(300),
  '%2e%2e/x',
];
for (const path of hostile) {
  test(`${JSON.stringify(path).slice(0, 40)} is refused`, () => {
    assert.equal(refusalOf(() => relativeParts(path)).reason, 'SOURCE_REFUSED');
  });
}
