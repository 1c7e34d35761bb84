import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallContext } from '../../../src/inference/call-context.ts';
import type { RegistryOptions } from '../../../src/models/registry.ts';
import { buildRegistry, turnsUntil } from '../../support/build-registry.ts';
import { RepositoryFolder } from '../../support/repository-folder.ts';

const mebibyte = 1024 * 1024;

async function started(folder: RepositoryFolder, options: Partial<RegistryOptions> = {}) {
  const bench = buildRegistry([folder.path], { controlMode: 'on-demand', ...options });
  await bench.registry.start();
  const ask = async (model: string) =>
    bench.registry.router.routeOnDemand?.(model, '', new CallContext(0, Infinity));
  return { bench, ask };
}

test('nothing is loaded at start but what is named; requests load the rest, within the memory there is', async () => {
  using folder = new RepositoryFolder();
  for (const name of ['a', 'b', 'c', 'pinned']) folder.put(`${name}/1/model.onnx`);
  const { bench, ask } = await started(folder, { load: ['pinned'], memoryBudget: 20 * mebibyte });
  await using _stop = bench;
  assert.equal(bench.registry.catalog.ready(), true);
  const serving = () => ['a', 'b', 'c', 'pinned'].filter((name) => bench.states(name).includes('1 READY'));
  assert.deepEqual(serving(), ['pinned']);
  assert.equal((await ask('a'))?.spec.name, 'a');
  bench.clock.advance(1);
  await ask('b');
  assert.deepEqual(serving(), ['b', 'pinned']);
  bench.clock.advance(1);
  await ask('c');
  assert.deepEqual(serving(), ['c', 'pinned']);
});

test('a model that is put into the repository later is found, and the server stays ready whatever it is', async () => {
  using folder = new RepositoryFolder();
  folder.put('a/1/model.onnx');
  const { bench, ask } = await started(folder);
  await using _stop = bench;
  await assert.rejects(ask('late'), { code: 'not_found' });
  folder.put('late/1/model.onnx');
  folder.put('bad/config.pbtxt', 'max_batch_size: -1');
  bench.clock.advance(15_000);
  await turnsUntil(() => bench.states('late').length > 0);
  assert.equal((await ask('late'))?.spec.name, 'late');
  await assert.rejects(ask('bad'));
  assert.equal(bench.registry.catalog.ready(), true);
});

test('in other modes nothing is loaded on demand', async () => {
  using folder = new RepositoryFolder();
  await using bench = buildRegistry([folder.path]);
  assert.equal(bench.registry.router.routeOnDemand, undefined);
});
