import assert from 'node:assert/strict';
import { realpathSync } from 'node:fs';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import { buildRegistry } from '../../support/build-registry.ts';
import { Latch } from '../../support/latch.ts';
import { refusalOf } from '../../support/refusal.ts';
import { RepositoryFolder } from '../../support/repository-folder.ts';

test('all models load at start, and serve', async () => {
  using folder = new RepositoryFolder();
  folder.put('a/1/model.onnx');
  folder.put('b/3/model.onnx');
  await using bench = buildRegistry([folder.path], { controlMode: 'none' });
  assert.equal(bench.registry.catalog.ready(), false);
  await bench.registry.start();
  assert.equal(bench.registry.catalog.ready(), true);
  assert.equal(bench.registry.router.route('b', '').spec.version, '3');
  assert.deepEqual(bench.states('a'), ['1 READY']);
});

test('versions that serve are told with their configuration and how long loading took', async () => {
  using folder = new RepositoryFolder();
  folder.put('a/1/model.onnx');
  folder.put('a/config.pbtxt', 'metric_tags { key: "team" value: "vision" }');
  folder.put('b/1/model.onnx');
  await using bench = buildRegistry([folder.path], { controlMode: 'none' });
  bench.opener.before = () => bench.clock.advance(250);
  assert.deepEqual(bench.registry.served(), []);
  await bench.registry.start();
  const told = bench.registry.served().map(({ target, config, loadMs }) => ({
    name: target.spec.name,
    tags: { ...config.metric_tags },
    loadMs,
  }));
  assert.deepEqual(told, [
    { name: 'a', tags: { team: 'vision' }, loadMs: 250 },
    { name: 'b', tags: {}, loadMs: 250 },
  ]);
  await bench.registry.control.unload('a', false);
  assert.equal(bench.registry.served().length, 1);
});

test('in mode explicit only named models load, and all have their name in the index', async () => {
  using folder = new RepositoryFolder();
  for (const name of ['a', 'b', 'c']) folder.put(`${name}/1/model.onnx`);
  await using bench = buildRegistry([folder.path], { load: ['b'] });
  await bench.registry.start();
  assert.deepEqual(bench.registry.catalog.index(false), [
    { name: 'a', version: '', state: '', reason: '' },
    { name: 'b', version: '1', state: 'READY', reason: '' },
    { name: 'c', version: '', state: '', reason: '' },
  ]);
  assert.deepEqual(
    bench.registry.catalog.index(true).map(({ name }) => name),
    ['b'],
  );
  assert.equal(bench.registry.catalog.ready(), true);
});

test('in mode explicit a star loads all', async () => {
  using folder = new RepositoryFolder();
  for (const name of ['a', 'b']) folder.put(`${name}/1/model.onnx`);
  await using bench = buildRegistry([folder.path], { load: ['*'] });
  await bench.registry.start();
  assert.equal(bench.registry.catalog.index(true).length, 2);
});

test('a model that cannot load keeps the server from being ready, but not the others from serving', async () => {
  using folder = new RepositoryFolder();
  folder.put('bad/1/model.onnx', 'no model');
  folder.put('good/1/model.onnx');
  await using strict = buildRegistry([folder.path], { controlMode: 'none' });
  await strict.registry.start();
  assert.equal(strict.registry.catalog.ready(), false);
  assert.equal(strict.registry.catalog.modelReady('good', ''), true);
  assert.match(strict.states('bad').join(), /^1 UNAVAILABLE: .*no ONNX model/);
  await using lenient = buildRegistry([folder.path], { controlMode: 'none', strictReadiness: false });
  await lenient.registry.start();
  assert.equal(lenient.registry.catalog.ready(), true);
});

test('a model to load that is in no repository keeps the server from being ready, and says why', async () => {
  using folder = new RepositoryFolder();
  await using bench = buildRegistry([folder.path], { load: ['none'] });
  await bench.registry.start();
  assert.equal(bench.registry.catalog.ready(), false);
  assert.match(bench.states('none').join(), /UNAVAILABLE: .*in no repository/);
});

test('a model whose name is there twice is unavailable, with the reason', async () => {
  using first = new RepositoryFolder();
  using second = new RepositoryFolder();
  first.put('m/1/model.onnx');
  second.put('m/1/model.onnx');
  await using bench = buildRegistry([first.path, second.path], { controlMode: 'none' });
  await bench.registry.start();
  assert.match(bench.states('m').join(), /UNAVAILABLE: .*more than once/);
  assert.equal(bench.opener.models.length, 0);
});

test('start fails when a repository cannot be read', async () => {
  await using bench = buildRegistry(['/no/such/folder'], { controlMode: 'none' });
  await assert.rejects(bench.registry.start(), { reason: 'MODEL_REPOSITORY' });
});

test('a model loads on request and is then unloaded on request', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  await using bench = buildRegistry([folder.path]);
  await bench.registry.start();
  assert.equal(bench.registry.catalog.modelReady('m', ''), false);
  await bench.load('m');
  assert.equal(bench.registry.catalog.modelReady('m', ''), true);
  await bench.registry.control.unload('m', false);
  assert.deepEqual(bench.states('m'), ['1 UNAVAILABLE: unloaded']);
  assert.deepEqual(bench.opener.closed, [true]);
  assert.match(refusalOf(() => bench.registry.router.route('m', '')).message, /has no available versions/);
  assert.equal(bench.registry.catalog.ready(), true);
});

test('an unload waits for requests that run, and takes no new ones', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  await using bench = buildRegistry([folder.path], { load: ['m'] });
  await bench.registry.start();
  const running = new Latch();
  bench.draining.set(bench.registry.router.route('m', ''), running.opened);
  const unloaded = bench.registry.control.unload('m', false);
  await Promise.resolve();
  assert.deepEqual(bench.states('m'), ['1 UNLOADING']);
  assert.equal(refusalOf(() => bench.registry.router.route('m', '1')).code, 'unavailable');
  assert.deepEqual(bench.opener.closed, [false]);
  running.open();
  await unloaded;
  assert.deepEqual(bench.opener.closed, [true]);
  assert.deepEqual(bench.states('m'), ['1 UNAVAILABLE: unloaded']);
});

test('what is not in a repository cannot be loaded', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  await using bench = buildRegistry([folder.path]);
  await bench.registry.start();
  for (const name of ['none', '../m', '', '.', '/m', 'm/1']) {
    await assert.rejects(bench.load(name), (error) => {
      assert.ok(error instanceof ServingError);
      assert.equal(error.code, 'not_found');
      return error.message === `failed to load '${name}', failed to poll from model repository`;
    });
  }
});

test('an unknown model cannot be unloaded', async () => {
  using folder = new RepositoryFolder();
  await using bench = buildRegistry([folder.path]);
  await bench.registry.start();
  await assert.rejects(bench.registry.control.unload('none', false), { code: 'not_found' });
});

test('a model that was added after the start can be loaded, and brings others into the index', async () => {
  using folder = new RepositoryFolder();
  await using bench = buildRegistry([folder.path]);
  await bench.registry.start();
  folder.put('late/1/model.onnx');
  folder.put('later/1/model.onnx');
  await bench.load('late');
  assert.deepEqual(bench.states('late'), ['1 READY']);
  assert.deepEqual(bench.states('later'), [' ']);
});

test('loads of several models run one at a time', async () => {
  using folder = new RepositoryFolder();
  for (const name of ['a', 'b', 'c', 'd']) folder.put(`${name}/1/model.onnx`);
  await using bench = buildRegistry([folder.path], { controlMode: 'none' });
  bench.opener.before = () => Promise.resolve();
  await bench.registry.start();
  assert.equal(bench.opener.models.length, 4);
  assert.equal(bench.opener.mostAtOnce, 1);
});

test('concurrent loads and unloads of a model never overlap, and leave open only what serves', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  await using bench = buildRegistry([folder.path]);
  await bench.registry.start();
  await bench.load('m');
  const calls: Promise<void>[] = [];
  for (let round = 0; round < 16; round++) {
    calls.push(bench.registry.control.unload('m', false), bench.load('m'));
  }
  await Promise.all(calls);
  const open = bench.opener.closed.filter((closed) => !closed).length;
  assert.equal(open, bench.registry.catalog.modelReady('m', '') ? 1 : 0);
  assert.equal(bench.opener.mostAtOnce, 1);
});

test('two loads of a model that has not changed open it once', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  await using bench = buildRegistry([folder.path]);
  await bench.registry.start();
  await Promise.all([bench.load('m'), bench.load('m')]);
  await bench.load('m');
  assert.equal(bench.opener.models.length, 1);
});

test('listeners hear of each change of readiness until they leave', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  await using bench = buildRegistry([folder.path]);
  await bench.registry.start();
  const heard: boolean[] = [];
  const listener = bench.registry.catalog.onChange(() =>
    heard.push(bench.registry.catalog.modelReady('m', '')),
  );
  await bench.load('m');
  await bench.registry.control.unload('m', false);
  assert.ok(heard.includes(true));
  assert.equal(heard.at(-1), false);
  listener[Symbol.dispose]();
  const { length } = heard;
  await bench.load('m');
  assert.equal(heard.length, length);
});

test('stop closes everything and refuses what comes later', async () => {
  using folder = new RepositoryFolder();
  folder.put('a/1/model.onnx');
  folder.put('b/1/model.onnx');
  const bench = buildRegistry([folder.path], { load: ['*'] });
  await bench.registry.start();
  await bench.registry.stop();
  assert.deepEqual(bench.opener.closed, [true, true]);
  assert.equal(bench.registry.catalog.ready(), false);
  await assert.rejects(bench.load('a'), { code: 'unavailable' });
  await bench.registry.stop();
});

test('a stop during the start leaves nothing open and nothing running', async () => {
  using folder = new RepositoryFolder();
  for (const name of ['a', 'b', 'c']) folder.put(`${name}/1/model.onnx`);
  const bench = buildRegistry([folder.path], { controlMode: 'poll' });
  const opening = new Latch();
  const held = new Latch();
  bench.opener.before = () => {
    opening.open();
    return held.opened;
  };
  const started = bench.registry.start();
  await opening.opened;
  const stopped = bench.registry.stop();
  held.open();
  await Promise.all([started, stopped]);
  assert.deepEqual(bench.opener.closed, [true]);
  assert.equal(bench.clock.pending, 0);
  assert.equal(bench.registry.catalog.ready(), false);
});

test('a load that waits when the server stops is refused', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  const bench = buildRegistry([folder.path]);
  await bench.registry.start();
  const load = assert.rejects(bench.load('m'), { code: 'unavailable' });
  await bench.registry.stop();
  await load;
  assert.ok(bench.opener.closed.every((closed) => closed));
});

test('a model that is not to be served is not opened, and what serves stays', async () => {
  using folder = new RepositoryFolder();
  folder.put('m/1/model.onnx');
  let problem = '';
  const verify = (): Promise<void> =>
    problem === ''
      ? Promise.resolve()
      : Promise.reject(new ServingError('failed_precondition', problem, { reason: 'MODEL_SIGNATURE' }));
  await using bench = buildRegistry([folder.path], { verify });
  await bench.registry.start();
  await bench.load('m');
  problem = 'nobody signed it';
  folder.put('m/2/model.onnx');
  await assert.rejects(bench.load('m'), { reason: 'MODEL_SIGNATURE', message: /nobody signed it/ });
  assert.deepEqual(bench.states('m'), ['1 READY: nobody signed it']);
  assert.equal(bench.opener.models.length, 1);
});

test('repositories are brought up to date before they are read, and what is open is told', async () => {
  using folder = new RepositoryFolder();
  const asked: string[] = [];
  const refresh = (why: string): Promise<void> => {
    asked.push(why);
    folder.put('m/1/model.onnx');
    return Promise.resolve();
  };
  await using bench = buildRegistry([folder.path], { refresh, load: ['m'] });
  await bench.registry.start();
  await bench.load('m');
  assert.deepEqual(asked, ['start', 'load']);
  const real = realpathSync(folder.path);
  assert.deepEqual([...bench.registry.foldersInUse()].sort(), [`${real}/m`, `${real}/m/1`]);
  await bench.registry.control.unload('m', false);
  assert.equal(bench.registry.foldersInUse().size, 0);
});
