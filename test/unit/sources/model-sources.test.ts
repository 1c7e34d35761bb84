import assert from 'node:assert/strict';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '../../../src/inference/logger.ts';
import {
  openModelSources,
  type ModelSources,
  type ModelSourcesOptions,
} from '../../../src/sources/model-sources.ts';
import { optionalPackage } from '../../../src/sources/optional-package.ts';
import { pullModels } from '../../../src/sources/pull-models.ts';
import { systemClock, type Clock } from '../../../src/util/clock.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FileServer } from '../../support/file-server.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

const common = {
  limitBytes: 10_000,
  redirectHosts: [],
  tries: undefined,
  tokenFile: undefined,
  clock: systemClock,
  logger: silentLogger,
};

function opened(
  cacheFolder: string,
  repositories: string | readonly string[],
  clock: Clock = systemClock,
  intervalMs = 0,
): Promise<ModelSources> {
  const options: ModelSourcesOptions = {
    ...common,
    clock,
    repositories: [repositories].flat(),
    cacheFolder,
    intervalMs,
    inUse: () => new Set(),
    approve: () => Promise.resolve(true),
  };
  return openModelSources(options);
}

test('paths stay as they are, and addresses become folders, each once', async () => {
  using folder = new TemporaryFolder();
  using sources = await opened(folder.path, ['./a', 'http://127.0.0.1:1/m', './b', 'http://127.0.0.1:1/m/']);
  assert.equal(sources.folders.length, 3);
  assert.deepEqual([sources.folders[0], sources.folders[2]], ['./a', './b']);
  assert.match(sources.folders[1] ?? '', /m-[0-9a-f]{16}$/);
});

test('a start without its source fails, unless it was fetched before', async () => {
  using folder = new TemporaryFolder();
  await using server = await FileServer.start();
  const uri = `${server.url}/repo`;
  using first = await opened(folder.path, uri);
  await assert.rejects(first.refresh('start'), { reason: 'SOURCE_REFUSED' });
  server.publish('/repo', { 'm/1/model.onnx': Buffer.from('bytes') });
  await first.refresh('load');
  server.files.clear();
  using second = await opened(folder.path, uri);
  await second.refresh('start');
  assert.equal(readFileSync(join(second.folders[0] ?? '', 'm/1/model.onnx'), 'utf8'), 'bytes');
  assert.deepEqual(
    second.reports().map(({ up, failures }) => [up, failures]),
    [[false, 1]],
  );
});

test('nobody waits for a source that says nothing, once there is something to serve', async () => {
  using folder = new TemporaryFolder();
  await using server = await FileServer.start();
  server.publish('/repo', { 'm/1/model.onnx': Buffer.from('bytes') });
  using first = await opened(folder.path, `${server.url}/repo`);
  await first.refresh('start');
  const silent = Promise.withResolvers<void>();
  server.files.set('/repo/index.json', () => silent.resolve());
  await first.refresh('poll');
  await silent.promise;
  const clock = new FakeClock();
  using second = await opened(folder.path, [`${server.url}/repo`], clock);
  const starting = second.refresh('start');
  await clock.advanceSettling(30_000);
  await starting;
});

test('a load does not ask a source again that has just failed', async () => {
  using folder = new TemporaryFolder();
  await using server = await FileServer.start();
  using sources = await opened(folder.path, [`${server.url}/repo`], new FakeClock(), 1000);
  await sources.refresh('load');
  await sources.refresh('load');
  assert.equal(server.asked.length, 1);
});

test('a cache that cannot be written is said', async () => {
  using folder = new TemporaryFolder();
  const file = folder.write('file', '');
  await assert.rejects(opened(file, 'http://127.0.0.1:1/m'), {
    reason: 'SOURCE_CONFIGURATION',
    message: /--source-cache cannot be written/,
  });
});

test('a package that is missing is named', async () => {
  const missing = () => Promise.reject(Object.assign(new Error('x'), { code: 'ERR_MODULE_NOT_FOUND' }));
  await assert.rejects(optionalPackage('@a/b', missing), { message: /npm install @a\/b$/ });
});

test('a pull leaves plain files, replaces models of the same name, and keeps others', async () => {
  using folder = new TemporaryFolder();
  await using server = await FileServer.start();
  const pull = () => pullModels({ ...common, uri: `${server.url}/repo`, folder: folder.path });
  folder.write('mine', '');
  const config = Buffer.from('c');
  server.publish('/repo', {
    'm/1/model.onnx': Buffer.from('one'),
    'm/2/.keep': config,
    'm/3/.keep': config,
    'm/config.pbtxt': config,
  });
  assert.deepEqual(await pull(), ['m']);
  server.publish('/repo', { 'm/2/model.onnx': Buffer.from('two') });
  assert.deepEqual(await pull(), ['m']);
  assert.equal(existsSync(join(folder.path, 'm/1')), false);
  const version = lstatSync(join(folder.path, 'm/2'));
  assert.equal(version.isDirectory() && !version.isSymbolicLink(), true);
  assert.equal(existsSync(join(folder.path, 'mine')), true);
  assert.equal(existsSync(join(folder.path, '.tensorgate-pull')), false);
  server.files.clear();
  await assert.rejects(pull(), { reason: 'SOURCE_REFUSED' });
  assert.equal(existsSync(join(folder.path, 'm/2/model.onnx')), true);
});

test('a pull of files without folders tells the models by name', async () => {
  using folder = new TemporaryFolder();
  await using server = await FileServer.start();
  server.publish('/repo', { 'iris.onnx': Buffer.from('one'), 'digits.onnx': Buffer.from('two') });
  const names = await pullModels({ ...common, uri: `${server.url}/repo`, folder: folder.path });
  assert.deepEqual(names, ['digits', 'iris']);
  assert.equal(existsSync(join(folder.path, 'iris.onnx')), true);
});
