import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hint, suggest } from '../../../src/config/suggest.ts';

test('the nearest candidate is suggested', () => {
  assert.equal(
    suggest('--modle-repository', ['--model-repository', '--model-control-mode']),
    '--model-repository',
  );
  assert.equal(suggest('lits', ['list', 'load']), 'list');
});

test('nothing is suggested when nothing is near', () => {
  assert.equal(suggest('xyz', ['list', 'load']), undefined);
  assert.equal(hint('xyz', ['list', 'load']), '');
});
