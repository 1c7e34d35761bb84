import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable } from '../../../src/util/printable.ts';

test('ordinary names stay as they are, in any script', () => {
  for (const name of ['', 'resnet-50/v1.2', 'modèle', '模型', 'Größe ½']) assert.equal(printable(name), name);
});

test('what cannot be printed becomes a question mark', () => {
  assert.equal(printable('a\u0000b\nc\u001b[0m\u007f'), 'a?b?c?[0m?');
  assert.equal(printable('\u202ereversed\u2028'), '?reversed?');
  assert.equal(printable('\ud800x').length, 2);
});

test('a long text ends in three dots, also when it is cut within a character of two halves', () => {
  assert.equal(printable('x'.repeat(65)), `${'x'.repeat(64)}...`);
  assert.equal(printable('abcdef', 3), 'abc...');
  assert.equal(printable('ab😀', 3).isWellFormed(), true);
});
