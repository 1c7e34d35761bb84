import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configFromPbtxt } from '../../../src/models/config-from-pbtxt.ts';
import { estimateMemory, MemoryBudget } from '../../../src/models/memory-budget.ts';
import { buildPlan } from '../../support/build-batch.ts';
import { buildRegistry } from '../../support/build-registry.ts';
import { refusalOf } from '../../support/refusal.ts';
import { RepositoryFolder } from '../../support/repository-folder.ts';

const mebibyte = 1024 * 1024;

test('what is reserved is had back once, and what does not fit is refused with what is left', () => {
  const budget = new MemoryBudget(100);
  const first = budget.reserve(60);
  const refusal = refusalOf(() => budget.reserve(50));
  assert.deepEqual([refusal.code, refusal.reason], ['resource_exhausted', 'MODEL_MEMORY']);
  assert.match(refusal.message, /about 50 bytes of memory, and 40 of 100 are left/);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.equal(budget.heldBytes, 0);
  budget.reserve(100);
});

test('each thread that serves opens sessions of its own, which count as well', () => {
  const budget = new MemoryBudget(100, 2);
  assert.throws(() => budget.reserve(60), { reason: 'MODEL_MEMORY' });
  budget.reserve(50);
  assert.equal(budget.heldBytes, 100);
});

test('without a limit everything fits', () => {
  new MemoryBudget(0).reserve(2 ** 60);
});

test('a model takes twice its files and a little more for each instance, or what its configuration says', async () => {
  using folder = new RepositoryFolder();
  const file = folder.write('model.onnx', new Uint8Array(3 * mebibyte));
  const data = folder.write('weights', new Uint8Array(2 * mebibyte));
  const cpu = { name: 'cpu', deviceId: 0, options: {} } as const;
  const estimate = (config: string, overrides = {}) =>
    estimateMemory(configFromPbtxt(config, 'm'), buildPlan('m', overrides), [file, data]);
  assert.equal(await estimate(''), 18 * mebibyte);
  assert.equal(await estimate('', { instances: [cpu, cpu] }), 36 * mebibyte);
  assert.equal(await estimate('', { isolation: 'process' }), 73 * mebibyte);
  const stated = 'parameters { key: "memory_bytes" value { string_value: "1000" } }';
  assert.equal(await estimate(stated, { instances: [cpu, cpu] }), 2000);
  await assert.rejects(estimate(stated.replace('1000', 'much')), /must be an integer/);
});

test('a load over the budget is refused as that and leaves what serves; unloading another makes room', async () => {
  using folder = new RepositoryFolder();
  for (const name of ['a', 'b', 'c']) folder.put(`${name}/1/model.onnx`);
  await using bench = buildRegistry([folder.path], { memoryBudget: 20 * mebibyte });
  await bench.load('a');
  await bench.load('b');
  await assert.rejects(bench.load('c'), { code: 'resource_exhausted', reason: 'MODEL_MEMORY' });
  assert.deepEqual(bench.states('a'), ['1 READY']);
  await bench.registry.control.unload('a', false);
  await bench.load('c');
  assert.deepEqual(bench.states('c'), ['1 READY']);
});
