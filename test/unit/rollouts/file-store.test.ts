import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FileStore } from '../../../src/rollouts/file-store.ts';
import { readPlan } from '../../../src/rollouts/read-plan.ts';
import { changed, newState } from '../../../src/rollouts/state.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

const plan = readPlan({ model: 'm', stable: 1, candidate: 2, key: ['header:x-user'] });
const entry = { atEpochMs: 5, who: 'ann', what: 'started', why: 'because' };

test('what is saved is there for the next process, whole', async () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, 'deep', 'state.json');
  const state = newState(plan, 0, entry);
  const later = changed(state, { phase: 'running', stepMs: 12.5 }, { ...entry, what: 'began' });
  const store = new FileStore(path);
  assert.equal(await store.save(state, -1), true);
  assert.equal(await store.save(later, 0), true);
  const [loaded] = await new FileStore(path).load();
  assert.deepEqual(loaded, later);
  assert.deepEqual(readdirSync(join(folder.path, 'deep')), ['state.json']);
});

test('a state that was changed meanwhile is not written over', async () => {
  using folder = new TemporaryFolder();
  const store = new FileStore(join(folder.path, 'state.json'));
  assert.equal(await store.save(newState(plan, 3, entry), 2), false);
  await store.save(newState(plan, 0, entry), -1);
  assert.equal(await store.save(newState(plan, 2, entry), 1), false);
});

test('no file is no rollouts, and a file of something else is refused', async () => {
  using folder = new TemporaryFolder();
  assert.deepEqual(await new FileStore(join(folder.path, 'none.json')).load(), []);
  for (const text of ['{', '{}', '{"rollouts":[{"phase":"running"}]}']) {
    const path = folder.write('wrong.json', text);
    await assert.rejects(new FileStore(path).load(), {
      code: 'failed_precondition',
      reason: 'ROLLOUT_STATE',
    });
  }
});

test('a file that cannot be written is said, and the state stays what it was', async () => {
  using folder = new TemporaryFolder();
  const blocked = folder.write('file', '');
  const store = new FileStore(join(blocked, 'state.json'));
  await assert.rejects(store.save(newState(plan, 0, entry), -1), { reason: 'ROLLOUT_STATE' });
  await assert.rejects(store.save(newState(plan, 0, entry), -1), { reason: 'ROLLOUT_STATE' });
});
