import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { eraseFromFiles } from '../../../../src/observability/predictions/erase.ts';
import { listFiles, pruneFiles } from '../../../../src/observability/predictions/jsonl-files.ts';
import { openJsonlSink } from '../../../../src/observability/predictions/jsonl-sink.ts';
import type { JsonlPlan } from '../../../../src/observability/predictions/plan.ts';
import { writtenRecord } from '../../../support/puppet-sink.ts';
import { TemporaryFolder } from '../../../support/temporary-folder.ts';

const begun = Date.UTC(2026, 10, 21);

class Wall {
  now = begun;
  epochMs = (): number => this.now;
}

function plan(folder: TemporaryFolder, overrides: Partial<JsonlPlan> = {}): JsonlPlan {
  return {
    directory: join(folder.path, 'log'),
    rotateBytes: 1000,
    rotateMs: 60_000,
    retentionMs: 3_600_000,
    maxTotalBytes: 1_000_000,
    ...overrides,
  };
}

function contents(directory: string): readonly string[] {
  return readdirSync(directory)
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((name) => readFileSync(join(directory, name), 'utf8'));
}

test('records are lines of a file that only its owner reads', async () => {
  using folder = new TemporaryFolder();
  const chosen = plan(folder);
  const sink = openJsonlSink({ plan: chosen, clock: new Wall(), thread: 'main' });
  await sink.write([writtenRecord('"a"'), writtenRecord('"b"')]);
  await sink.write([writtenRecord('"c"')]);
  assert.deepEqual(contents(chosen.directory), ['"a"\n"b"\n"c"\n']);
  const [name = ''] = readdirSync(chosen.directory);
  assert.match(name, /^predictions-20261121T000000000Z-main-[0-9a-f]{8}\.jsonl$/);
  assert.equal(statSync(join(chosen.directory, name)).mode & 0o777, 0o600);
  assert.equal(statSync(chosen.directory).mode & 0o777, 0o700);
});

test('a file that is large enough, or old enough, is followed by another', async () => {
  using folder = new TemporaryFolder();
  const chosen = plan(folder);
  const clock = new Wall();
  const sink = openJsonlSink({ plan: chosen, clock, thread: 'main' });
  await sink.write([writtenRecord('x'.repeat(1000))]);
  clock.now += 1;
  await sink.write([writtenRecord('"b"')]);
  clock.now += 60_000;
  await sink.write([writtenRecord('"c"')]);
  assert.equal(contents(chosen.directory).length, 3);
});

test('files go before their first record is too old, and the oldest go first where they are too much', async () => {
  using folder = new TemporaryFolder();
  const chosen = plan(folder, { rotateBytes: 1, retentionMs: 1e9, maxTotalBytes: 1e9 });
  const clock = new Wall();
  // Records of a moment ago: the file's name tells when its first record was made.
  const sink = openJsonlSink({ plan: chosen, clock, thread: 'main' });
  for (let file = 0; file < 3; file++) {
    await sink.write([{ ...writtenRecord('x'.repeat(99)), record: record(clock.now) }]);
    clock.now += 1000;
  }
  writeFileSync(join(chosen.directory, 'notes.txt'), 'stays');
  assert.equal(await pruneFiles({ ...chosen, retentionMs: 3000 }, clock.now), 1);
  assert.equal(await pruneFiles({ ...chosen, maxTotalBytes: 150 }, clock.now), 1);
  assert.equal((await listFiles(chosen.directory)).length, 1);
  assert.equal(readFileSync(join(chosen.directory, 'notes.txt'), 'utf8'), 'stays');
});

test('a folder that was taken away is made again', async () => {
  using folder = new TemporaryFolder();
  const chosen = plan(folder);
  const sink = openJsonlSink({ plan: chosen, clock: new Wall(), thread: 'main' });
  await sink.write([writtenRecord('"a"')]);
  rmSync(chosen.directory, { recursive: true });
  await assert.rejects(sink.write([writtenRecord('"b"')]), { code: 'ENOENT' });
  await sink.write([writtenRecord('"b"')]);
  assert.deepEqual(contents(chosen.directory), ['"b"\n']);
});

function record(epochMs: number) {
  return { ...writtenRecord('').record, time: new Date(epochMs).toISOString() };
}

test('a folder that cannot be made is refused at the start', () => {
  using folder = new TemporaryFolder();
  const directory = join(folder.write('file', ''), 'log');
  assert.throws(
    () => openJsonlSink({ plan: plan(folder, { directory }), clock: new Wall(), thread: 'main' }),
    { code: 'failed_precondition' },
  );
});

test('the records of a subject are erased, and all others stay as they are', async () => {
  using folder = new TemporaryFolder();
  const chosen = plan(folder, { rotateBytes: 1 });
  const sink = openJsonlSink({ plan: chosen, clock: new Wall(), thread: 'main' });
  await sink.write([writtenRecord('{"subject":"anna"}'), writtenRecord('{"subject":"bert"}')]);
  await sink.write([writtenRecord('{"subject":"bert"}'), writtenRecord('no JSON')]);
  const erased = await eraseFromFiles(chosen, new Set(['anna']), () => Promise.resolve());
  assert.deepEqual(erased, { records: 1, seen: 4 });
  const text = contents(chosen.directory).join('');
  assert.doesNotMatch(text, /anna/);
  assert.equal(text.match(/bert/g)?.length, 2);
  assert.match(text, /no JSON/);
});

test('what a server writes while a file is being replaced is taken over', async () => {
  using folder = new TemporaryFolder();
  const chosen = plan(folder);
  const sink = openJsonlSink({ plan: chosen, clock: new Wall(), thread: 'main' });
  await sink.write([writtenRecord('{"subject":"anna"}')]);
  const [file] = await listFiles(chosen.directory);
  const { open } = await import('node:fs/promises');
  await using held = await open(file?.path ?? '', 'a');
  const erased = await eraseFromFiles(chosen, new Set(['anna']), async () => {
    await held.writeFile('{"subject":"bert"}\n{"subject":"anna"}\n');
    await sink.write([writtenRecord('{"subject":"cleo"}')]);
  });
  assert.deepEqual(erased, { records: 2, seen: 3 });
  assert.deepEqual(contents(chosen.directory), ['{"subject":"cleo"}\n{"subject":"bert"}\n']);
});
