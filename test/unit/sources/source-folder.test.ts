import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, realpathSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { FetchTools } from '../../../src/sources/fetch-file.ts';
import type { RemoteFile } from '../../../src/sources/origin.ts';
import { SourceFolder } from '../../../src/sources/source-folder.ts';
import { unitsOf } from '../../../src/sources/units.ts';
import { systemClock } from '../../../src/util/clock.ts';
import { remoteFile } from '../../support/puppet-origin.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

class Source extends TemporaryFolder {
  readonly folder = new SourceFolder(this.path);
  fetched = 0;

  async take(files: readonly RemoteFile[], limitBytes = 10_000): Promise<void> {
    const units = unitsOf(files, 'named');
    const tools: FetchTools = {
      clock: systemClock,
      signal: new AbortController().signal,
      limitBytes,
      onBytes: (count) => (this.fetched += count),
    };
    await this.folder.fetch(units, tools);
    await this.folder.show(units, '');
    await this.folder.removeOld(units, this.inUse);
  }

  inUse: ReadonlySet<string> = new Set();

  shown(): string[] {
    return readdirSync(this.path)
      .filter((name) => !name.startsWith('.'))
      .sort();
  }

  read(path: string): string {
    return readFileSync(join(this.path, path), 'utf8');
  }

  trees(): number {
    return readdirSync(join(this.path, '.trees')).length;
  }

  get waiting(): string[] {
    return readdirSync(join(this.path, '.files'));
  }
}

test('shows what was fetched as a repository', async () => {
  using source = new Source();
  await source.take([remoteFile('m/config.pbtxt'), remoteFile('m/1/model.onnx'), remoteFile('m/1/sub/w')]);
  assert.deepEqual(source.shown(), ['m']);
  assert.equal(source.read('m/config.pbtxt'), 'm/config.pbtxt');
  assert.equal(source.read('m/1/sub/w'), 'm/1/sub/w');
  assert.deepEqual(source.waiting, []);
});

test('versions may be empty', async () => {
  using source = new Source();
  await source.take([remoteFile('e/config.pbtxt'), remoteFile('e/1/.gitkeep'), remoteFile('e/2/')]);
  assert.deepEqual(readdirSync(join(source.path, 'e')).sort(), ['1', '2', 'config.pbtxt']);
  assert.deepEqual(readdirSync(join(source.path, 'e/2')), []);
});

test('fetches only what is new, and removes what nobody is shown', async () => {
  using source = new Source();
  const one = [remoteFile('m/1/model.onnx', 'one')];
  await source.take(one);
  const before = realpathSync(join(source.path, 'm/1'));
  await source.take([...one, remoteFile('m/2/model.onnx', 'two!')]);
  assert.equal(source.fetched, 7);
  assert.equal(realpathSync(join(source.path, 'm/1')), before);
  await source.take([remoteFile('n/1/model.onnx', 'three')]);
  assert.deepEqual(source.shown(), ['n']);
  assert.equal(source.trees(), 2);
});

test('keeps what a version may be read from again', async () => {
  using source = new Source();
  await source.take([remoteFile('m/1/model.onnx', 'one')]);
  const open = realpathSync(join(source.path, 'm/1'));
  source.inUse = new Set([open]);
  await source.take([remoteFile('m/1/model.onnx', 'two')]);
  assert.equal(readFileSync(join(open, 'model.onnx'), 'utf8'), 'one');
  assert.equal(source.read('m/1/model.onnx'), 'two');
});

test('a fetch that fails changes nothing that is shown, and what it brought is not fetched again', async () => {
  using source = new Source();
  await source.take([remoteFile('m/1/model.onnx', 'one')]);
  const next = remoteFile('m/2/model.onnx', 'two');
  const wrong = { digest: { algorithm: 'sha256', hex: '00' } } as const;
  let sent = 0;
  const more = remoteFile('m/2/weights', 'w', {
    ...wrong,
    sends: () =>
      Readable.from(
        (function* () {
          sent++;
          yield Buffer.from('w');
        })(),
      ),
  });
  await assert.rejects(source.take([next, more]), { reason: 'SOURCE_REFUSED' });
  assert.equal(source.read('m/1/model.onnx'), 'one');
  assert.deepEqual(source.shown(), ['m']);
  assert.equal(sent, 1);
  assert.equal(
    source.waiting.some((name) => name.endsWith('.part')),
    false,
  );
  const before = source.fetched;
  await source.take([next]);
  assert.ok(source.fetched - before <= 3);
});

test('links each file of a flat folder, with what lies beside it', async () => {
  using source = new Source();
  await source.take([remoteFile('a.onnx'), remoteFile('b.onnx'), remoteFile('b.data')]);
  assert.deepEqual(source.shown(), ['a.onnx', 'b.onnx']);
  assert.equal(
    readFileSync(join(realpathSync(join(source.path, 'b.onnx')), '..', 'b.data'), 'utf8'),
    'b.data',
  );
});

test('refuses more bytes than are allowed before it fetches any', async () => {
  using source = new Source();
  const claim = remoteFile('m/1/model.onnx', 'x', { sizeBytes: 10 * 1024 ** 3 });
  await assert.rejects(source.take([claim]), /holds 10737418240 bytes; --source-max-bytes allows 10000/);
  await assert.rejects(
    source.take([{ ...claim, sizeBytes: Number.MAX_SAFE_INTEGER }], Number.MAX_SAFE_INTEGER),
    /the disk of --source-cache has/,
  );
  assert.equal(source.fetched, 0);
});

test('files of unknown size share what is left', async () => {
  using source = new Source();
  const unknown = (path: string) => remoteFile(path, 'x'.repeat(60), { sizeBytes: undefined });
  await assert.rejects(source.take([unknown('m/1/a.onnx'), unknown('m/1/b')], 100), {
    reason: 'SOURCE_REFUSED',
  });
});

test('writes through no link and over no folder that somebody put there', async () => {
  using source = new Source();
  using elsewhere = new TemporaryFolder();
  mkdirSync(join(source.path, 'm'));
  await assert.rejects(source.take([remoteFile('m/1/model.onnx')]));
  assert.deepEqual(readdirSync(join(source.path, 'm')), []);
  symlinkSync(elsewhere.path, join(source.path, 'n'));
  await source.take([remoteFile('n/1/model.onnx')]).catch(() => undefined);
  assert.deepEqual(readdirSync(elsewhere.path), []);
});
