import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LostCounts } from '../../../src/io-threads/lost-counts.ts';
import { buildPredictions, buildRuntime, buildThread, buildTransport } from '../../support/build-reading.ts';

const failure = { front: 'grpc', code: 'not_found', reason: 'MODEL_NOT_FOUND', count: 2 } as const;

function reading(thread: string) {
  return buildThread({
    thread,
    failures: [failure],
    transports: [
      buildTransport({ connectionsOpened: 5, connectionsClosed: 1, heldBytes: 7, limitHits: { pings: 3 } }),
    ],
    runtime: buildRuntime(),
  });
}

test('while no thread is lost, only those that live are told', () => {
  const counts = new LostCounts();
  const threads = [reading('io-0'), reading('io-1')];
  assert.equal(counts.with(threads), threads);
});

test('what lost threads had counted stays, with their connections closed and nothing held', () => {
  const counts = new LostCounts();
  counts.with([reading('io-0'), reading('io-1')]);
  counts.lose('io-1');
  // The one in its place counts anew, and is lost as well.
  counts.with([reading('io-0'), reading('io-1')]);
  counts.lose('io-1');
  const left = reading('io-0');
  const told = counts.with([left]);
  assert.equal(told[0], left);
  assert.deepEqual(told.slice(1), [
    {
      thread: 'lost',
      failures: [{ ...failure, count: 4 }],
      transports: [buildTransport({ connectionsOpened: 10, connectionsClosed: 10, limitHits: { pings: 6 } })],
      runtime: undefined,
    },
  ]);
});

test('a thread that was never read leaves nothing, and is lost once', () => {
  const counts = new LostCounts();
  counts.lose('io-0');
  assert.deepEqual(counts.with([]), []);
  counts.with([reading('io-0')]);
  counts.lose('io-0');
  counts.lose('io-0');
  assert.equal(counts.with([])[0]?.failures[0]?.count, 2);
});

test('what a lost thread had logged stays counted, and what waited in it was dropped', () => {
  const lost = new LostCounts();
  lost.with([{ ...reading('io-0'), predictions: buildPredictions() }]);
  lost.lose('io-0');
  lost.with([{ ...reading('io-0'), predictions: buildPredictions() }]);
  lost.lose('io-0');
  const left = lost.with([]).find(({ thread }) => thread === 'lost')?.predictions;
  assert.deepEqual(left?.models, [
    { model: 'm', records: 6, dropped: { pending: 2, rows: 4, unreadable: 0 } },
  ]);
  assert.deepEqual(left?.sinks, [{ sink: 'jsonl', written: 4, dropped: 2, failures: 2, buffered: 0 }]);
});
