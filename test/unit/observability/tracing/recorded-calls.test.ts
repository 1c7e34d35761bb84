import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BatchRun } from '../../../../src/inference/batch-channel.ts';
import { CallContext } from '../../../../src/inference/call-context.ts';
import type { Exemplar } from '../../../../src/inference/exemplar.ts';
import { RecordedCalls } from '../../../../src/observability/tracing/recorded-calls.ts';
import { SpanReplay } from '../../../../src/observability/tracing/span-replay.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { FakeTracer } from '../../../support/fake-tracer.ts';

const named = { name: 'a/b', attributes: { 'rpc.method': 'a/b' } };

function setUp(wants: boolean) {
  const clock = new FakeClock(1000);
  const tracer = new FakeTracer();
  const exemplars: Exemplar[] = [];
  const replay = new SpanReplay(tracer, [], (exemplar) => void exemplars.push(exemplar));
  const calls = new RecordedCalls({
    clock,
    headers: [],
    choice: { wants: () => wants },
    tell: (event) => replay.take(event),
  });
  return { clock, tracer, calls, exemplars };
}

function run(calls: readonly CallContext[], endedAt: number): BatchRun {
  return {
    model: 'm',
    version: '1',
    rows: calls.length,
    calls: calls.map((call) => ({ call, queuedAt: call.receivedAt })),
    startedAt: endedAt - 1,
    endedAt,
    parts: { inputMs: 0.1, inferMs: 0.5, outputMs: 0.1 },
    error: undefined,
  };
}

test('a recorded call has a span, with its batch below it and all requests of the batch counted', () => {
  const { clock, tracer, calls, exemplars } = setUp(true);
  const [mine, other] = [new CallContext(1000, Infinity), new CallContext(1000, Infinity)];
  assert.equal(calls.wants(mine, named), true);
  const recorded = calls.begin(mine, named);
  calls.addBatch(run([mine, other], 1010));
  clock.advance(12);
  calls.end(recorded, { attributes: { 'rpc.status_code': 'OK' }, failed: false });
  assert.deepEqual(
    tracer.spans.map(({ name, parentId }) => [name, parentId]),
    [
      ['a/b', undefined],
      ['batch', 's1'],
      ['queue', 's1'],
      ['compute', 's1'],
    ],
  );
  const [call, batch] = tracer.spans;
  assert.equal(Number(call?.endTime) - Number(call?.startTime), 12);
  assert.equal(batch?.attributes['tensorgate.batch.requests'], 2);
  assert.equal(batch?.attributes['tensorgate.compute.infer_ms'], 0.5);
  const [{ model, version, front, ms, spanId } = assert.fail('no exemplar'), ...more] = exemplars;
  assert.deepEqual([model, version, front, ms, spanId, more], ['m', '1', 'embedded', 12, 's1', []]);
});

test('of calls that are not chosen, slow ones are kept with their batch, at most some a second', () => {
  const { tracer, calls } = setUp(false);
  const one = (receivedAt: number, ms: number): void => {
    const call = new CallContext(receivedAt, Infinity);
    assert.equal(calls.wants(call, named), false);
    calls.addBatch(run([call], receivedAt + ms));
  };
  for (let at = 0; at < 200; at++) one(at, 1);
  assert.equal(tracer.spans.length, 0);
  one(1000, 50);
  assert.deepEqual(
    tracer.spans.map(({ name }) => name),
    ['a/b', 'batch', 'queue', 'compute'],
  );
  const [slow] = tracer.spans;
  assert.equal(Number(slow?.endTime) - Number(slow?.startTime), 50);
  assert.equal(slow?.attributes['tensorgate.kept'], 'slow');
  for (let at = 0; at < 100; at++) one(1001, 1000 * (at + 1));
  assert.ok(tracer.spans.length <= 4 * 120, `${tracer.spans.length}`);
});

test('calls of methods that are not traced are never kept', () => {
  const { tracer, calls } = setUp(false);
  for (let at = 0; at < 300; at++) calls.addBatch(run([new CallContext(at, Infinity)], at + 1));
  calls.addBatch(run([new CallContext(1000, Infinity)], 2000));
  calls.failed(new CallContext(0, Infinity), { attributes: {}, failed: true });
  assert.equal(tracer.spans.length, 0);
});

test('failures are kept up to some a second', () => {
  const { tracer, calls } = setUp(false);
  for (let at = 0; at < 100; at++) {
    const call = new CallContext(1000, Infinity);
    calls.wants(call, named);
    calls.failed(call, { attributes: {}, failed: true });
  }
  assert.equal(tracer.spans.length, 20);
});
