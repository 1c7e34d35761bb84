import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../../../../src/errors.ts';
import type { CallContext } from '../../../../../../src/inference/call-context.ts';
import { anonymous } from '../../../../../../src/inference/principal.ts';
import type { Task } from '../../../../../../src/inference/task.ts';
import { TaskStore } from '../../../../../../src/transport/http/dialects/plain/task-store.ts';
import { FakeClock, settled } from '../../../../../support/fake-clock.ts';

const limits = { maxTasks: 2, maxBytes: 100, keepMs: 1000 };

/** A store, and work of it that the test ends. */
function open(): {
  readonly clock: FakeClock;
  readonly store: TaskStore;
  readonly calls: CallContext[];
  readonly start: (sizeBytes?: number) => { readonly task: Task; readonly end: PromiseWithResolvers<string> };
  readonly state: (id: string) => string;
} {
  const clock = new FakeClock();
  const store = new TaskStore(clock, limits);
  const calls: CallContext[] = [];
  return {
    clock,
    store,
    calls,
    start: (sizeBytes = 10) => {
      const end = Promise.withResolvers<string>();
      const run = (call: CallContext): Promise<string> => (calls.push(call), end.promise);
      const task = store.start({ principal: anonymous, deadline: 5, front: 'http', sizeBytes, run });
      return { task, end };
    },
    state: (id) => store.find(id, anonymous).outcome.state,
  };
}

function reasonOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ServingError);
    return error.reason;
  }
  return 'none';
}

test('a task is pending until its work ends, and then has the result', async () => {
  const { clock, store, start, state } = open();
  const { task, end } = start();
  assert.equal(state(task.id), 'pending');
  clock.advance(7);
  end.resolve('{}');
  await settled();
  assert.deepEqual(store.find(task.id, anonymous), {
    id: task.id,
    createdAt: task.createdAt,
    finishedAt: task.createdAt + 7,
    expiresAt: task.createdAt + 1007,
    outcome: { state: 'succeeded', text: '{}' },
  });
});

test('work that fails is a failed task, and its call is finished', async () => {
  const { store, calls, start } = open();
  const { task, end } = start();
  let finished = false;
  calls[0]?.onFinished(() => {
    finished = true;
  });
  end.reject(new ServingError('unavailable', 'gone'));
  await settled();
  const { outcome } = store.find(task.id, anonymous);
  assert.ok(outcome.state === 'failed');
  assert.equal(outcome.error.message, 'gone');
  assert.ok(finished);
});

test('the work knows who asked, until when, and what it holds', () => {
  const { calls, start } = open();
  start(12);
  const [call] = calls;
  assert.deepEqual(
    [call?.principal, call?.deadline, call?.front, call?.sizeBytes],
    [anonymous, 5, 'http', 12],
  );
});

test('a pending task that is cancelled stays so, whatever its work does', async () => {
  const { store, calls, start, state } = open();
  const { task, end } = start();
  assert.equal(store.cancel(task.id, anonymous).outcome.state, 'cancelled');
  assert.equal(calls[0]?.cancelled, true);
  end.resolve('{}');
  await settled();
  assert.equal(state(task.id), 'cancelled');
});

test('a finished task that is cancelled is forgotten, and makes room', async () => {
  const { store, start, state } = open();
  const { task, end } = start();
  end.resolve('x'.repeat(95));
  await settled();
  assert.equal(
    reasonOf(() => start()),
    'TASKS_FULL',
  );
  assert.equal(store.cancel(task.id, anonymous).outcome.state, 'succeeded');
  assert.equal(
    reasonOf(() => state(task.id)),
    'TASK_NOT_FOUND',
  );
  assert.equal(
    reasonOf(() => start()),
    'none',
  );
});

test('tasks are forgotten once they expire, each after its own time', async () => {
  const { clock, start, state } = open();
  const first = start();
  const second = start();
  second.end.resolve('2');
  await settled();
  clock.advance(500);
  first.end.resolve('1');
  await settled();
  clock.advance(500);
  assert.equal(
    reasonOf(() => state(second.task.id)),
    'TASK_NOT_FOUND',
  );
  assert.equal(state(first.task.id), 'succeeded');
  clock.advance(500);
  assert.equal(
    reasonOf(() => state(first.task.id)),
    'TASK_NOT_FOUND',
  );
  assert.equal(clock.pending, 0);
});

test('a pending task does not expire', () => {
  const { clock, start, state } = open();
  const { task } = start();
  clock.advance(1e9);
  assert.equal(state(task.id), 'pending');
});

test('there are no more tasks than may be', () => {
  const { start } = open();
  start();
  start();
  assert.throws(
    () => start(),
    (error) => error instanceof ServingError && error.reason === 'TASKS_FULL' && error.retryAfterMs === 1000,
  );
});

test('tasks hold no more bytes than they may', () => {
  const { start } = open();
  start(60);
  assert.equal(
    reasonOf(() => start(41)),
    'TASKS_FULL',
  );
  assert.equal(
    reasonOf(() => start(101)),
    'TASK_TOO_LARGE',
  );
  assert.equal(
    reasonOf(() => start(40)),
    'none',
  );
});

test('a result takes the place of what its task held, and fails the task where there is no room', async () => {
  const { store, start, state } = open();
  const first = start(60);
  const second = start(40);
  first.end.resolve('x'.repeat(60));
  await settled();
  assert.equal(state(first.task.id), 'succeeded');
  second.end.resolve('x'.repeat(41));
  await settled();
  const { outcome } = store.find(second.task.id, anonymous);
  assert.ok(outcome.state === 'failed');
  assert.equal(outcome.error.reason, 'TASK_TOO_LARGE');
});

test('nobody sees the tasks of others', () => {
  const { store, start } = open();
  const { task } = start();
  const other = { ...anonymous, name: 'other' };
  assert.equal(
    reasonOf(() => store.find(task.id, other)),
    'TASK_NOT_FOUND',
  );
  assert.equal(
    reasonOf(() => store.cancel(task.id, other)),
    'TASK_NOT_FOUND',
  );
});
