import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noDelta } from '../../../src/rollouts/arm-delta.ts';
import { readPlan } from '../../../src/rollouts/read-plan.ts';
import { RedisStore } from '../../../src/rollouts/redis-store.ts';
import { newState, storedForm } from '../../../src/rollouts/state.ts';

/** A Redis that answers what the test says, in turn, and fails with an Error. */
function storeOf(...answers: readonly unknown[]) {
  const asked: (readonly (string | number)[])[] = [];
  const left = [...answers];
  const store = new RedisStore(
    {
      run: async (_script, _keys, values) => {
        asked.push(values);
        const answer = left.shift();
        if (answer instanceof Error) throw answer;
        return answer;
      },
      async [Symbol.asyncDispose]() {},
    },
    'test',
  );
  return { store, asked };
}

const plan = readPlan({ model: 'm', stable: 1, candidate: 2 });
const state = newState(plan, 4, { atEpochMs: 0, who: 'a', what: 'started', why: '' });
const text = JSON.stringify(storedForm(state));
const delta = { model: 'm', experiment: plan.name, arms: [{ ...noDelta, requests: 2 }, noDelta] };

const nothing = { heard: undefined, kept: undefined };

test("what others have written where counts should be is nobody's", async () => {
  const { store } = storeOf([1, 'log', 5, ['{', '7', '[{"model":"m"}]', JSON.stringify([delta]), '']]);
  const { leading, log, told } = await store.exchange([], nothing);
  assert.deepEqual([leading, log], [true, 'log']);
  assert.deepEqual(
    told.map(({ at, deltas }) => [at, deltas]),
    [
      [5, []],
      [6, []],
      [7, []],
      [8, [delta]],
      [9, []],
    ],
  );
});

test('counts are sent only where there is something to know', async () => {
  const { store, asked } = storeOf([0, 'log', 0, []], [0, 'log', 0, []]);
  await store.exchange([{ ...delta, arms: [noDelta, noDelta] }], nothing);
  assert.equal(asked[0]?.[2], '');
  await store.exchange([delta], nothing);
  assert.equal(asked[1]?.[2], JSON.stringify([delta]));
});

test('a state that is none, and a Redis that cannot be reached, are said by name', async () => {
  for (const wrong of ['{', '{}', '{"document":{"model":"m"}}']) {
    await assert.rejects(storeOf(['1', [wrong]]).store.load(), {
      reason: 'ROLLOUT_STATE',
      code: 'failed_precondition',
    });
  }
  const gone = { reason: 'ROLLOUT_STATE', code: 'unavailable' };
  await assert.rejects(storeOf(new Error('closed')).store.exchange([delta], nothing), gone);
  await assert.rejects(storeOf(new Error('closed')).store.changes(), gone);
});

test('a Redis that has lost its memory is told again what there was', async () => {
  const { store, asked } = storeOf(['9', [text]], '2', 1, ['3', [text]]);
  await store.load();
  assert.deepEqual(
    (await store.changes())?.map(({ revision }) => revision),
    [4],
  );
  // For a model of which it must have nothing.
  assert.deepEqual(asked[2]?.slice(0, 3), ['m', -1, 4]);
});
