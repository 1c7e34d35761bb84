import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computesOnOneThread, sessionOptions } from '../../../src/execution/session-options.ts';
import type { ProviderName, ProviderPlan, SessionPlan } from '../../../src/inference/executor.ts';
import { buildPlan } from '../../support/build-batch.ts';

const provider = (name: ProviderName, deviceId = 0): ProviderPlan => ({ name, deviceId, options: {} });
const optionsFor = (overrides: Partial<SessionPlan>, chosen = provider('cpu')) =>
  sessionOptions(buildPlan('mlp16', overrides), chosen, 4);

test('0 threads are chosen from the quota and the number of instances', () => {
  const instances = [provider('cpu'), provider('cpu')];
  const { intraOpNumThreads, interOpNumThreads } = optionsFor({
    intraOpThreads: 0,
    interOpThreads: 0,
    instances,
  });
  assert.deepEqual([intraOpNumThreads, interOpNumThreads], [2, 1]);
});

test('a number of threads is taken as it is', () => {
  assert.equal(optionsFor({ intraOpThreads: 7 }).intraOpNumThreads, 7);
});

test('threads do not spin unless the model says so', () => {
  assert.deepEqual(optionsFor({}).extra, {
    'session.intra_op.allow_spinning': '0',
    'session.inter_op.allow_spinning': '0',
  });
  const configEntries = { 'session.intra_op.allow_spinning': '1', 'session.disable_prepacking': '1' };
  assert.deepEqual(optionsFor({ configEntries }).extra, {
    'session.intra_op.allow_spinning': '1',
    'session.inter_op.allow_spinning': '0',
    'session.disable_prepacking': '1',
  });
});

test('each provider comes with those that take what it lacks, on the same device', () => {
  assert.deepEqual(optionsFor({}, provider('cuda', 1)).executionProviders, [
    { name: 'cuda', deviceId: 1 },
    'cpu',
  ]);
  assert.deepEqual(optionsFor({}, provider('tensorrt', 1)).executionProviders, [
    { name: 'tensorrt', deviceId: 1 },
    { name: 'cuda', deviceId: 1 },
    'cpu',
  ]);
});

for (const [what, overrides] of [
  ['an entry of no known kind', { configEntries: { 'nonsense.x': '1' } }],
  ['an entry that writes a file', { configEntries: { 'session.optimized_model_file_path': '/etc/x' } }],
  ['an entry that names a place', { configEntries: { 'ep.context_file_path': '/tmp/x' } }],
  ['-1 threads', { intraOpThreads: -1 }],
  ['1.5 threads', { interOpThreads: 1.5 }],
] as const) {
  test(`${what}: refused`, () => {
    assert.throws(() => optionsFor(overrides), { code: 'invalid_argument' });
  });
}

test('a session computes on one thread where it has one, and no other device', () => {
  const one = { intraOpThreads: 1, interOpThreads: 1 };
  assert.equal(computesOnOneThread(optionsFor(one)), true);
  assert.equal(computesOnOneThread(optionsFor({ ...one, intraOpThreads: 2 })), false);
  assert.equal(computesOnOneThread(optionsFor({ ...one, interOpThreads: 2 })), false);
  assert.equal(computesOnOneThread(optionsFor(one, provider('cuda'))), false);
});
