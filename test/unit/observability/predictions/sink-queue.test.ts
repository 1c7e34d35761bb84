import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../../../src/inference/logger.ts';
import type { SinkName } from '../../../../src/observability/predictions/sink.ts';
import { SinkQueue } from '../../../../src/observability/predictions/sink-queue.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { PuppetSink, writtenRecord } from '../../../support/puppet-sink.ts';

async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

function start(name?: SinkName): {
  readonly sink: PuppetSink;
  readonly clock: FakeClock;
  readonly queue: SinkQueue;
} {
  const sink = new PuppetSink(name);
  const clock = new FakeClock();
  return { sink, clock, queue: new SinkQueue({ sink, clock, logger: silentLogger }) };
}

test('records are written together after a second', async () => {
  const { sink, clock, queue } = start();
  queue.add(writtenRecord('a'));
  queue.add(writtenRecord('b'));
  clock.advance(999);
  assert.deepEqual(sink.lines, []);
  clock.advance(1);
  await turns();
  assert.deepEqual(sink.lines, ['a', 'b']);
  assert.deepEqual(queue.counts(), { sink: 'jsonl', written: 2, dropped: 0, failures: 0, buffered: 0 });
});

test('much is written at once', async () => {
  const { sink, queue } = start();
  queue.add(writtenRecord('x'.repeat(300_000)));
  await turns();
  assert.equal(sink.lines.length, 1);
});

test('a write that fails is tried again with the same records, and later ones behind them', async () => {
  const { sink, clock, queue } = start();
  sink.fails = true;
  queue.add(writtenRecord('a'));
  clock.advance(1000);
  await turns();
  queue.add(writtenRecord('b'));
  assert.deepEqual([queue.counts().failures, queue.counts().buffered], [1, 2]);
  sink.fails = false;
  clock.advance(1000);
  await turns();
  assert.deepEqual(sink.lines, ['a', 'b']);
  assert.equal(queue.counts().buffered, 0);
});

test('a sink that does not keep up costs records, not memory', async () => {
  const { sink, clock, queue } = start();
  sink.fails = true;
  const megabyte = 'x'.repeat(1024 * 1024);
  for (let count = 0; count < 10; count++) queue.add(writtenRecord(megabyte));
  await turns();
  assert.deepEqual([queue.counts().buffered, queue.counts().dropped], [8, 2]);
  sink.fails = false;
  clock.advance(1000);
  await turns();
  queue.add(writtenRecord('again'));
  clock.advance(1000);
  await turns();
  assert.equal(sink.lines.at(-1), 'again');
});

test('a sink that sends is left alone after three failures, then tried once, and takes everything when it is back', async () => {
  const { sink, clock, queue } = start('redis');
  sink.fails = true;
  queue.add(writtenRecord('a'));
  for (let second = 0; second < 5; second++) {
    clock.advance(1000);
    await turns();
  }
  assert.equal(sink.tries, 3);
  assert.deepEqual([queue.exporter()?.state, queue.exporter()?.opened], ['open', 1]);
  queue.add(writtenRecord('b'));
  sink.fails = false;
  for (let second = 0; second < 5; second++) {
    clock.advance(1000);
    await turns();
  }
  assert.deepEqual(sink.lines, ['a', 'b']);
  assert.equal(queue.exporter()?.state, 'closed');
});

test('a file is tried each second, however often it fails', async () => {
  const { sink, clock, queue } = start('jsonl');
  sink.fails = true;
  queue.add(writtenRecord('a'));
  for (let second = 0; second < 10; second++) {
    clock.advance(1000);
    await turns();
  }
  assert.equal(sink.tries, 10);
  assert.equal(queue.exporter(), undefined);
});

test('a sink is full from the first record that finds no room until something was written', async () => {
  const { sink, clock, queue } = start('redis');
  sink.fails = true;
  const megabyte = 'x'.repeat(1024 * 1024);
  for (let count = 0; count < 8; count++) queue.add(writtenRecord(megabyte));
  await turns();
  assert.equal(queue.full, false);
  queue.add(writtenRecord(megabyte));
  assert.equal(queue.full, true);
  sink.fails = false;
  clock.advance(1000);
  await turns();
  assert.equal(queue.full, false);
});

test('a record that is too large for the queue makes no sink full that has nothing to write', () => {
  const { queue } = start();
  queue.add(writtenRecord('x'.repeat(9 * 1024 * 1024)));
  assert.equal(queue.counts().dropped, 1);
  assert.equal(queue.full, false);
});

test('closing writes what waits, and drops what cannot be written', async () => {
  const first = start();
  first.queue.add(writtenRecord('a'));
  await first.queue.close();
  assert.deepEqual([first.sink.lines, first.sink.closed], [['a'], true]);
  first.queue.add(writtenRecord('late'));
  assert.equal(first.queue.counts().dropped, 1);
  const second = start();
  second.sink.fails = true;
  second.queue.add(writtenRecord('a'));
  await second.queue.close();
  assert.equal(second.queue.counts().dropped, 1);
  assert.equal(second.clock.pending, 0);
});

test('what is old is removed at the start, and every ten minutes', async () => {
  const { sink, clock, queue } = start();
  assert.equal(sink.pruned, 1);
  clock.advance(600_000);
  assert.equal(sink.pruned, 2);
  await queue.close();
  clock.advance(600_000);
  assert.equal(sink.pruned, 2);
});
