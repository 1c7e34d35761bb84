import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlacementPolicy, placementLimits } from '../../../src/execution/placement-policy.ts';

type Run = readonly [rows: number, inferMs: number, times?: number];

function learned(...runs: readonly Run[]): PlacementPolicy {
  const policy = new PlacementPolicy(placementLimits());
  for (const [rows, ms, times = 1] of runs) for (let run = 0; run < times; run += 1) policy.record(rows, ms);
  return policy;
}

test('a cheap model moves inline after three runs, not before', () => {
  assert.equal(learned([1, 0.1, 2]).decide('thread'), 'thread');
  assert.equal(learned([1, 0.1, 3]).decide('thread'), 'inline');
});

test('the dearest batch size decides', () => {
  assert.equal(learned([1, 0.09, 5], [32, 3, 1]).decide('thread'), 'thread');
});

test('cold first runs do not keep a cheap model on its thread', () => {
  assert.equal(learned([1, 50], [1, 0.1, 2]).decide('thread'), 'inline');
});

test('between the entry and twice the entry a model stays where it is', () => {
  const policy = learned([8, 0.45, 50]);
  assert.equal(policy.decide('thread'), 'thread');
  assert.equal(policy.decide('inline'), 'inline');
});

test('a model that has become dear leaves', () => {
  const policy = learned([8, 0.1, 50], [8, 1, 50]);
  assert.equal(policy.decide('inline'), 'thread');
});

test('batches grown large show as soon as three of them ran', () => {
  assert.equal(learned([1, 0.09, 100], [32, 3, 2]).decide('inline'), 'inline');
  assert.equal(learned([1, 0.09, 100], [32, 3, 3]).decide('inline'), 'thread');
});

test('one interrupted run changes nothing', () => {
  assert.equal(learned([8, 0.1, 50], [8, 500], [8, 0.1]).decide('inline'), 'inline');
});

test('two dear runs in a row are no interruption: the model leaves at once', () => {
  assert.equal(learned([1, 0.05, 5], [1, 500]).decide('inline'), 'inline');
  assert.equal(learned([1, 0.05, 5], [1, 500, 2]).decide('inline'), 'thread');
  assert.equal(learned([1, 0.05, 5], [1, 500], [1, 0.05], [1, 500]).decide('inline'), 'inline');
});

test('a batch size long unseen is forgotten', () => {
  assert.equal(learned([32, 3, 5], [1, 0.1, 9_000]).decide('thread'), 'thread');
  assert.equal(learned([32, 3, 5], [1, 0.1, 11_000]).decide('thread'), 'inline');
});
