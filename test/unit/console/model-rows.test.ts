import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewOf, type LiveView } from '../../../src/console/live-view.ts';
import { modelRows, type IndexLine, type ModelRow } from '../../../src/console/model-rows.ts';
import { parseReading } from '../../../src/console/reading.ts';
import { metricsText } from '../../support/metrics-text.ts';

function view(breaker = 0): LiveView {
  return viewOf(
    parseReading(metricsText({ counters: { tensorgate_breaker_state: breaker } }), 2_000_000),
    undefined,
  );
}

function statesOf(rows: readonly ModelRow[]): unknown[] {
  return rows.map(({ model, state, condition, reason }) => [model, state, condition, reason]);
}

const line = (name: string, version: string, state: string, reason = ''): IndexLine => ({
  name,
  version,
  state,
  reason,
});

test('what serves comes first, then what the index has besides, with the reason', () => {
  const index = [
    line('broken', '1', 'UNAVAILABLE', 'load failed'),
    line('digits', '1', 'READY'),
    line('later', '2', 'LOADING'),
    line('never', '', ''),
    line('gone', '1', 'UNAVAILABLE', 'unloaded'),
  ];
  assert.deepEqual(statesOf(modelRows(view(), index)), [
    ['digits', 'ready', 'good', ''],
    ['broken', 'unavailable', 'bad', 'load failed'],
    ['later', 'loading', 'busy', ''],
    ['never', 'not loaded', 'off', ''],
    ['gone', 'not loaded', 'off', ''],
  ]);
});

test('a version whose breaker is open is not called ready', () => {
  const index = [line('digits', '1', 'READY')];
  assert.deepEqual(statesOf(modelRows(view(2), index)), [['digits', 'breaker open', 'bad', '']]);
  assert.deepEqual(statesOf(modelRows(view(1), index)), [['digits', 'half-open', 'busy', '']]);
});

test('without an index, what serves is ready', () => {
  assert.deepEqual(statesOf(modelRows(view(), [])), [['digits', 'ready', 'good', '']]);
});
