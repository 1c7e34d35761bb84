import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import type { TaskOutcome } from '../../../src/inference/task.ts';
import { recordOf, taskOf } from '../../../src/tasks/task-record.ts';

function throughRedis(outcome: TaskOutcome): TaskOutcome | undefined {
  const [state, , ...fields] = recordOf(outcome);
  const kept = new Map([
    ['state', state],
    ['created', '5'],
  ]);
  for (let at = 0; at + 1 < fields.length; at += 2) kept.set(fields[at] ?? '', fields[at + 1] ?? '');
  return taskOf('t', kept)?.outcome;
}

test('a result comes back as it was', () => {
  assert.deepEqual(throughRedis({ state: 'succeeded', text: '{"a":"ü"}' }), {
    state: 'succeeded',
    text: '{"a":"ü"}',
  });
});

test('a failure comes back with code, reason and text', () => {
  const error = new ServingError('not_found', 'no such model', {
    reason: 'MODEL_NOT_FOUND',
    cause: 'secret',
  });
  const outcome = throughRedis({ state: 'failed', error });
  assert.ok(outcome?.state === 'failed');
  const { code, reason, message, cause } = outcome.error;
  assert.deepEqual(
    [code, reason, message, cause],
    ['not_found', 'MODEL_NOT_FOUND', 'no such model', undefined],
  );
});

test('a failure with a code of another release is internal', () => {
  const fields = new Map(Object.entries({ state: 'failed', created: '5', code: 'melted', message: 'm' }));
  const outcome = taskOf('t', fields)?.outcome;
  assert.ok(outcome?.state === 'failed' && outcome.error.code === 'internal');
});

for (const [title, fields] of [
  ['nothing', {}],
  ['an unknown state', { state: 'resting', created: '5' }],
  ['no time', { state: 'pending' }],
  ['a time that is no number', { state: 'pending', created: 'now' }],
] as const) {
  test(`${title} is no task`, () => {
    assert.equal(taskOf('t', new Map(Object.entries(fields))), undefined);
  });
}
