import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import { fetchFile, type FetchTools } from '../../../src/sources/fetch-file.ts';
import type { RemoteFile } from '../../../src/sources/origin.ts';
import { systemClock } from '../../../src/util/clock.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';
import { remoteFile } from '../../support/puppet-origin.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

const text = 'the bytes of a model';
const sha256 = createHash('sha256').update(text).digest('hex');
const blob = createHash('sha1').update(`blob ${text.length}\0${text}`).digest('hex');
const md5 = createHash('md5').update(text).digest('hex');

function tools(more: Partial<FetchTools> = {}): FetchTools {
  // Pauses between attempts pass at once.
  const clock = {
    ...systemClock,
    after: (delayMs: number, run: () => void) => systemClock.after(delayMs > 20_000 ? delayMs : 0, run),
  };
  return { clock, signal: new AbortController().signal, limitBytes: 1000, onBytes: () => undefined, ...more };
}

async function fetched(file: RemoteFile, more: Partial<FetchTools> = {}): Promise<string> {
  using folder = new TemporaryFolder();
  const target = join(folder.path, 'f');
  const hex = await fetchFile(file, target, tools(more));
  const content = readFileSync(target, 'utf8');
  assert.equal(hex, createHash('sha256').update(content).digest('hex'));
  return content;
}

async function refusal(file: RemoteFile, more: Partial<FetchTools> = {}): Promise<ServingError> {
  const error: unknown = await fetched(file, more).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ServingError, String(error));
  return error;
}

/** Sends so much and breaks off. */
function* broken(content: string): Generator<Buffer, void, void> {
  yield Buffer.from(content);
  throw new Error('connection reset');
}

for (const digest of [
  undefined,
  { algorithm: 'sha256', hex: sha256.toUpperCase() },
  { algorithm: 'md5', hex: md5 },
  { algorithm: 'git-blob', hex: blob },
] as const) {
  test(`takes a file whose ${digest?.algorithm ?? 'size'} is right`, async () => {
    assert.equal(await fetched(remoteFile('f', text, digest === undefined ? {} : { digest })), text);
  });
}

for (const algorithm of ['sha256', 'git-blob', 'md5'] as const) {
  test(`refuses a file with another ${algorithm}`, async () => {
    const { reason, message } = await refusal(remoteFile('f', text, { digest: { algorithm, hex: '00' } }));
    assert.equal(reason, 'SOURCE_REFUSED');
    assert.match(message, new RegExp(`'f' has the ${algorithm}`));
  });
}

test('goes on where the connection broke off', async () => {
  const offsets: number[] = [];
  const file = remoteFile('f', text, {
    sends: ({ offset }) => {
      offsets.push(offset);
      return Readable.from(offset === 0 ? broken(text.slice(0, 7)) : [Buffer.from(text.slice(offset))]);
    },
  });
  assert.equal(await fetched(file), text);
  assert.deepEqual(offsets, [0, 7]);
});

test('begins anew where the source cannot go on', async () => {
  const offsets: number[] = [];
  const file = remoteFile('f', text, {
    resumable: false,
    sizeBytes: undefined,
    sends: ({ offset }) => {
      offsets.push(offset);
      return Readable.from(offsets.length === 1 ? broken('wrong ones') : [Buffer.from(text)]);
    },
  });
  assert.equal(await fetched(file), text);
  assert.deepEqual(offsets, [0, 0]);
});

test('gives up after four attempts', async () => {
  let attempts = 0;
  const file = remoteFile('f', text, {
    sends: () => {
      attempts++;
      return Readable.from([]);
    },
  });
  assert.equal((await refusal(file)).reason, 'SOURCE_UNREACHABLE');
  assert.equal(attempts, 4);
});

test('takes no byte more than the source told', async () => {
  const { message } = await refusal(remoteFile('f', text, { sizeBytes: 5 }));
  assert.match(message, /more than the 5 bytes that its source tells/);
});

test('takes no byte more than is allowed, whatever was told', async () => {
  const endless = Readable.from(
    (function* () {
      for (;;) yield Buffer.alloc(64);
    })(),
  );
  const { message } = await refusal(remoteFile('f', text, { sizeBytes: undefined, sends: () => endless }));
  assert.match(message, /left of --source-max-bytes/);
  assert.equal(endless.destroyed, true);
});

test('never writes into what is there already', async () => {
  using folder = new TemporaryFolder();
  const there = folder.write('f', 'mine');
  await assert.rejects(fetchFile(remoteFile('f', text), there, tools()));
  assert.equal(readFileSync(there, 'utf8'), 'mine');
});

test('gives up a source that trickles, and one that says nothing at all', async () => {
  for (const opens of [true, false]) {
    using folder = new TemporaryFolder();
    const clock = new FakeClock();
    const stream = new Readable({ read: () => undefined });
    const open = () => (opens ? Promise.resolve(stream) : new Promise<Readable>(() => undefined));
    // Opening the target takes as long as the disk needs: more may be waiting by then than a short file has.
    const file = { ...remoteFile('f', text.repeat(50_000)), open };
    const fetching = fetchFile(file, join(folder.path, 'f'), tools({ clock, limitBytes: 2 ** 20 }));
    const failed = assert.rejects(fetching, { reason: 'SOURCE_UNREACHABLE' });
    const state = { done: false };
    void failed.finally(() => (state.done = true));
    while (!state.done) {
      if (!stream.destroyed) stream.push('x');
      await clock.advanceSettling(20_000);
      await settled();
    }
    await failed;
  }
});

test('ends at once when it is told to', async () => {
  using folder = new TemporaryFolder();
  const stop = new AbortController();
  const file = remoteFile('f', text, {
    sends: () => new Readable({ read: () => stop.abort(new Error('stopping')) }),
  });
  await assert.rejects(fetchFile(file, join(folder.path, 'f'), tools({ signal: stop.signal })), /stopping/);
  assert.equal(existsSync(join(folder.path, 'g')), false);
});
