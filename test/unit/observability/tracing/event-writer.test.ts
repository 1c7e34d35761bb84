import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventReader } from '../../../../src/observability/tracing/event-reader.ts';
import { EventWriter, type WrittenEvents } from '../../../../src/observability/tracing/event-writer.ts';
import type { SpanEvent } from '../../../../src/observability/tracing/span-events.ts';

const named = { name: 'a/b', attributes: { 'rpc.method': 'a/b' } };
const outcome = { attributes: { 'rpc.status_code': 'OK' }, failed: false };
const run = { model: 'm', version: '1', rows: 3, requests: 2, startedAt: 1e12 + 0.0625, endedAt: 1e12 + 1.5 };

const events: readonly SpanEvent[] = [
  {
    kind: 'begin',
    call: 1,
    named,
    kept: false,
    headers: ['00-a-b-01', undefined, ''],
    receivedAt: 1e12 + 0.125,
  },
  { kind: 'begin', call: 2 ** 40, named, kept: true, headers: [], receivedAt: 0 },
  {
    kind: 'batch',
    batch: { ...run, parts: { inputMs: 0, inferMs: 0.5, outputMs: 0.25 }, error: undefined },
    calls: [1, 1e12, 2 ** 40, 7.5],
  },
  { kind: 'batch', batch: { ...run, parts: undefined, error: 'internal' }, calls: [1, 2] },
  { kind: 'end', call: 1, endedAt: 5.25, outcome, answered: { model: 'm', version: '1', front: 'http' } },
  {
    kind: 'end',
    call: 2 ** 40,
    endedAt: 6,
    outcome: { attributes: { 'error.type': 'INTERNAL', 'http.response.status_code': 500 }, failed: true },
    answered: undefined,
  },
];

/** As it comes out of a message to another thread. */
function read(written: WrittenEvents): SpanEvent[] {
  const reader = new EventReader(structuredClone(written));
  const found: SpanEvent[] = [];
  for (let event = reader.next(); event !== undefined; event = reader.next()) found.push(event);
  return found;
}

function written(...told: readonly SpanEvent[]): WrittenEvents {
  const writer = new EventWriter();
  for (const event of told) writer.write(event);
  return writer.take();
}

for (const [at, event] of events.entries()) {
  test(`event ${at}, ${event.kind}, is read as it was written`, () => {
    assert.deepEqual(read(written(event)), [event]);
  });
}

test('events are read in their order, and what is alike is written once', () => {
  const all = written(...events, ...events);
  assert.deepEqual(read(all), [...events, ...events]);
  assert.deepEqual([...new Set(all.texts)], all.texts);
});

test('more events than a writer has room for make room', () => {
  const many = Array.from({ length: 3000 }, (_, call): SpanEvent => ({
    kind: 'end',
    call,
    endedAt: call,
    outcome,
    answered: undefined,
  }));
  assert.deepEqual(read(written(...many)), many);
});

test('what was taken or cleared is not written again, and what follows says all by itself', () => {
  const writer = new EventWriter();
  for (const event of events) writer.write(event);
  assert.deepEqual([writer.events, writer.ended], [6, 2]);
  writer.take();
  for (const event of events) writer.write(event);
  writer.clear();
  assert.deepEqual([writer.events, writer.ended], [0, 0]);
  for (const event of events) writer.write(event);
  assert.deepEqual(read(writer.take()), events);
});

test('a writer is full after many events, or after a few with long headers, until they are taken', () => {
  const writer = new EventWriter();
  let events = 0;
  for (; !writer.isFull; events += 1)
    writer.write({ kind: 'end', call: 1, endedAt: 1, outcome, answered: undefined });
  assert.equal(events, 512);
  writer.take();
  assert.equal(writer.isFull, false);
  const begin = { kind: 'begin', call: 1, named, kept: false, receivedAt: 0 } as const;
  for (events = 0; !writer.isFull; events += 1)
    writer.write({ ...begin, headers: [`${events}`.padEnd(8192)] });
  assert.ok(events <= 8, `${events} events of 8 kB`);
  writer.clear();
  assert.equal(writer.isFull, false);
});

test('events that were cut off are no events', () => {
  const { numbers, texts } = written(...events);
  assert.throws(() => read({ numbers: numbers.subarray(0, -1), texts }), /bug:/);
});
