import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import { SourceFolder } from '../../../src/sources/source-folder.ts';
import { SourceSync, type SourceSyncOptions } from '../../../src/sources/source-sync.ts';
import { parseSourceUri } from '../../../src/sources/source-uri.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { PuppetOrigin, remoteFile } from '../../support/puppet-origin.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

class Bench extends TemporaryFolder {
  readonly origin = new PuppetOrigin();
  readonly clock = new FakeClock();
  readonly logger = new RecordingLogger();

  sync(more: Partial<SourceSyncOptions> = {}): SourceSync {
    return new SourceSync({
      uri: parseSourceUri('s3://bucket/models'),
      origin: this.origin,
      folder: new SourceFolder(this.path),
      limitBytes: 1000,
      intervalMs: 1000,
      clock: this.clock,
      logger: this.logger,
      inUse: () => new Set(),
      approve: () => Promise.resolve(true),
      random: () => 0.5,
      ...more,
    });
  }

  has(path: string): boolean {
    return existsSync(join(this.path, path));
  }

  warnings(): unknown[] {
    return this.logger.lines.filter(({ level }) => level === 'warn').map(({ problem }) => problem);
  }
}

const down = new ServingError('unavailable', 'nobody answers', { reason: 'SOURCE_UNREACHABLE' });

test('looks again when the interval is over, and not before', async () => {
  using bench = new Bench();
  using sync = bench.sync();
  bench.origin.files = [remoteFile('m/1/model.onnx')];
  await sync.look('due');
  bench.clock.advance(999);
  await sync.look('due');
  assert.equal(bench.origin.looks, 1);
  bench.clock.advance(1);
  await sync.look('due');
  assert.equal(bench.origin.looks, 2);
});

test('chance moves the next look by a fifth of the interval', async () => {
  using bench = new Bench();
  for (const [random, before] of [
    [0, 799],
    [0.9999, 1198],
  ] as const) {
    using sync = bench.sync({ random: () => random });
    await sync.look('now');
    const { looks } = bench.origin;
    bench.clock.advance(before);
    await sync.look('due');
    assert.equal(bench.origin.looks, looks);
    bench.clock.advance(2);
    await sync.look('due');
    assert.equal(bench.origin.looks, looks + 1);
  }
});

test('a source that fails leaves what is shown, is asked more rarely, and is said once', async () => {
  using bench = new Bench();
  using sync = bench.sync();
  bench.origin.files = [remoteFile('m/1/model.onnx')];
  await sync.look('now');
  bench.origin.failure = down;
  const askedAt: number[] = [];
  for (let i = 0; i < 4; i++) {
    await assert.rejects(sync.look('now'));
    const { looks } = bench.origin;
    const from = bench.clock.now();
    while (bench.origin.looks === looks) {
      bench.clock.advance(500);
      await sync.look('due').catch(() => undefined);
    }
    askedAt.push(bench.clock.now() - from);
  }
  assert.deepEqual(askedAt, [2000, 8000, 8000, 8000]);
  assert.equal(bench.has('m/1/model.onnx'), true);
  assert.deepEqual(bench.warnings(), ['nobody answers']);
  assert.deepEqual(sync.report(), {
    source: 's3://bucket/models',
    up: false,
    failures: 8,
    fetchedBytes: 14,
    seenAtEpochMs: 1_700_000_000_000,
  });
  bench.origin.failure = undefined;
  await sync.look('now');
  assert.equal(sync.report().up, true);
  assert.equal(bench.logger.lines.at(-1)?.['message'], 'the model source can be read again');
});

test('what another program says in an error is not logged', async () => {
  using bench = new Bench();
  using sync = bench.sync();
  bench.origin.failure = new TypeError('Authorization: Bearer secret');
  await assert.rejects(sync.look('now'), (error: Error) => error.cause === undefined);
  assert.deepEqual(bench.warnings(), ['it failed (TypeError)']);
});

test('a listing that is hostile leaves what is shown', async () => {
  using bench = new Bench();
  using sync = bench.sync();
  bench.origin.files = [remoteFile('m/1/model.onnx')];
  await sync.look('now');
  bench.origin.files = [remoteFile('m/1/model.onnx'), remoteFile('../../evil')];
  await assert.rejects(sync.look('now'), { reason: 'SOURCE_REFUSED' });
  assert.equal(bench.has('m/1/model.onnx'), true);
  assert.equal(bench.has('../../evil'), false);
});

test('a version that is not approved is fetched and not shown', async () => {
  using bench = new Bench();
  let approved = false;
  const changes: unknown[] = [];
  using sync = bench.sync({
    approve: (change) => {
      changes.push(change);
      return Promise.resolve(approved);
    },
  });
  const change = { model: 'm', stable: '1', candidate: '2' };
  bench.origin.files = [remoteFile('m/1/model.onnx')];
  bench.origin.more = { memo: 'at 1' };
  await sync.look('now');
  bench.origin.files = [remoteFile('m/1/model.onnx'), remoteFile('m/2/model.onnx')];
  bench.origin.more = { memo: 'at 2', change };
  await sync.look('now');
  assert.equal(bench.has('m/2'), false);
  approved = true;
  const { fetchedBytes } = sync.report();
  await sync.look('now');
  assert.equal(bench.has('m/2'), true);
  assert.equal(sync.report().fetchedBytes, fetchedBytes);
  assert.deepEqual(changes, [change, change]);
  await sync.look('now');
  assert.deepEqual(bench.origin.memos, ['', 'at 1', 'at 1', 'at 2']);
});

test('a source that is never listed is given up', async () => {
  using bench = new Bench();
  using sync = bench.sync();
  bench.origin.list = () => new Promise(() => undefined);
  const looking = assert.rejects(sync.look('now'), { reason: 'SOURCE_UNREACHABLE' });
  await bench.clock.advanceSettling(120_000);
  await looking;
});

test('what was shown before stays for whoever has just listed it, and goes with the next change', async () => {
  using bench = new Bench();
  using sync = bench.sync();
  const trees: number[] = [];
  for (const text of ['one', 'two', 'three', 'four']) {
    bench.origin.files = [remoteFile('m/1/model.onnx', text)];
    await sync.look('now');
    trees.push(readdirSync(join(bench.path, '.trees')).length);
  }
  assert.deepEqual(trees, [2, 4, 4, 4]);
});

test('is stopped in the middle of a look', async () => {
  using bench = new Bench();
  const sync = bench.sync();
  bench.origin.files = [
    { ...remoteFile('m/1/model.onnx'), open: () => new Promise(() => sync[Symbol.dispose]()) },
  ];
  await assert.rejects(sync.look('now'), { code: 'cancelled' });
  assert.deepEqual(bench.warnings(), []);
  await sync.look('now');
  assert.equal(bench.origin.looks, 1);
});
