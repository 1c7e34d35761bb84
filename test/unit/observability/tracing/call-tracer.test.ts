import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import { ServingError } from '../../../../src/errors.ts';
import type { BatchRun } from '../../../../src/inference/batch-channel.ts';
import { CallContext } from '../../../../src/inference/call-context.ts';
import { CallTracer } from '../../../../src/observability/tracing/call-tracer.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { FakeTracer } from '../../../support/fake-tracer.ts';

const method = 'inference.GRPCInferenceService/ModelInfer';
const named = { name: method, attributes: { 'rpc.method': method } };

function setUp() {
  const clock = new FakeClock(1000);
  const tracer = new FakeTracer();
  const calls = new CallTracer({ tracer, clock });
  const call = (receivedAt: number): CallContext => new CallContext(receivedAt, Infinity);
  return { clock, tracer, calls, call, epochMs: (at: number) => clock.epochMs() - clock.now() + at };
}

function run(overrides: Partial<BatchRun> = {}): BatchRun {
  return {
    model: 'm',
    version: '1',
    rows: 2,
    calls: [],
    startedAt: 1010,
    endedAt: 1015,
    parts: { inputMs: 1, inferMs: 3, outputMs: 0.5 },
    error: undefined,
    ...overrides,
  };
}

test('a call is a span of its method, from its last byte to its end, below what its caller sent', () => {
  const { clock, tracer, calls, call, epochMs } = setUp();
  const parent = trace.setSpanContext(ROOT_CONTEXT, { traceId: 't', spanId: 'remote', traceFlags: 1 });
  const span = calls.begin(call(990), named, parent);
  clock.advance(25);
  calls.end(span, { attributes: { 'rpc.status_code': 'OK' }, failed: false });
  const [only] = tracer.spans;
  assert.deepEqual(
    [only?.name, only?.parentId, only?.startTime, only?.endTime],
    [method, 'remote', epochMs(990), epochMs(1025)],
  );
  assert.deepEqual(only?.attributes, {
    'rpc.method': method,
    'rpc.status_code': 'OK',
  });
  assert.equal(only?.status, undefined);
});

test('a call that failed by fault of the server is an error', () => {
  const { tracer, calls, call } = setUp();
  calls.end(calls.begin(call(0), named, ROOT_CONTEXT), { attributes: {}, failed: true });
  assert.equal(tracer.spans[0]?.status?.code, SpanStatusCode.ERROR);
});

test('each call of a batch waits and computes below its own span; the batch is in the first trace and links to all', () => {
  const { tracer, calls, call, epochMs } = setUp();
  const [a, b] = [call(1000), call(1001)];
  for (const each of [a, b]) calls.begin(each, named, ROOT_CONTEXT);
  calls.addBatch(
    run({
      calls: [
        { call: a, queuedAt: 1002 },
        { call: b, queuedAt: 1003 },
      ],
    }),
  );
  const shown = tracer.spans
    .slice(2)
    .map(({ name, parentId, linkedIds, startTime, endTime }) => [
      name,
      parentId,
      linkedIds,
      startTime,
      endTime,
    ]);
  assert.deepEqual(shown, [
    ['batch', 's1', ['s1', 's2'], epochMs(1010), epochMs(1015)],
    ['queue', 's1', [], epochMs(1002), epochMs(1010)],
    ['compute', 's1', ['s3'], epochMs(1010), epochMs(1015)],
    ['queue', 's2', [], epochMs(1003), epochMs(1010)],
    ['compute', 's2', ['s3'], epochMs(1010), epochMs(1015)],
  ]);
  assert.deepEqual(tracer.spans[2]?.attributes, {
    'tensorgate.model': 'm',
    'tensorgate.version': '1',
    'tensorgate.batch.rows': 2,
    'tensorgate.batch.requests': 2,
    'tensorgate.compute.input_ms': 1,
    'tensorgate.compute.infer_ms': 3,
    'tensorgate.compute.output_ms': 0.5,
  });
});

test('a batch that failed is an error, with its code', () => {
  const { tracer, calls, call } = setUp();
  const failing = call(1000);
  calls.begin(failing, named, ROOT_CONTEXT);
  const error = new ServingError('internal', 'the model failed');
  calls.addBatch(run({ calls: [{ call: failing, queuedAt: 1000 }], parts: undefined, error }));
  const failed = tracer.spans.filter(({ status }) => status?.code === SpanStatusCode.ERROR);
  assert.deepEqual(
    failed.map(({ name, attributes }) => [name, attributes['error.type']]),
    [
      ['batch', 'internal'],
      ['compute', 'internal'],
    ],
  );
});

test('parts of a call, such as steps of an ensemble in a stream, are below its span', () => {
  const { tracer, calls, call } = setUp();
  const [stream, message, step] = [call(1000), call(1001), call(1002)];
  message.origin = stream;
  step.origin = message;
  calls.begin(stream, named, ROOT_CONTEXT);
  calls.addBatch(run({ calls: [{ call: step, queuedAt: 1003 }] }));
  assert.deepEqual(
    tracer.spans.map(({ name, parentId }) => [name, parentId]),
    [
      [method, undefined],
      ['batch', 's1'],
      ['queue', 's1'],
      ['compute', 's1'],
    ],
  );
});

test('of calls that are not recorded, or not of this server, no batch is made', () => {
  const { tracer, calls, call } = setUp();
  tracer.recording = false;
  const ignored = call(1000);
  calls.begin(ignored, named, ROOT_CONTEXT);
  calls.addBatch(run({ calls: [ignored, call(1)].map((each) => ({ call: each, queuedAt: 1000 })) }));
  assert.equal(tracer.spans.length, 1);
});

test('a wall clock that is set moves later spans, and none by less than its own precision', () => {
  const clock = new FakeClock(1000);
  const tracer = new FakeTracer();
  let offsetMs = 0;
  const wall = {
    now: () => clock.now(),
    epochMs: () => clock.epochMs() + offsetMs,
    after: clock.after.bind(clock),
  };
  const calls = new CallTracer({ tracer, clock: wall });
  const startOf = (): unknown => {
    calls.begin(new CallContext(1000, Infinity), named, ROOT_CONTEXT);
    return tracer.spans.at(-1)?.startTime;
  };
  const first = startOf();
  offsetMs = 0.9;
  assert.equal(startOf(), first);
  offsetMs = 3_600_000;
  assert.equal(startOf(), Number(first) + 3_600_000);
});
