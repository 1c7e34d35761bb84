import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../src/errors.ts';
import { CallContext } from '../../src/inference/call-context.ts';
import { RecordedCalls } from '../../src/observability/tracing/recorded-calls.ts';
import type { RootChoice } from '../../src/observability/tracing/root-choice.ts';
import { SpanReplay } from '../../src/observability/tracing/span-replay.ts';
import type { Tracing } from '../../src/observability/tracing/start-tracing.ts';
import { traceEndpoint, traceFailure } from '../../src/trace-methods.ts';
import { takes, type HttpCall } from '../../src/transport/http/http-call.ts';
import type { HttpReply } from '../../src/transport/http/reply.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeTracer } from '../support/fake-tracer.ts';

const reply: HttpReply = { status: 200, contentType: '', headers: [], pieces: [], compressible: false };

function setUp(more: HttpReply['more'], choice?: Pick<RootChoice, 'wants'>) {
  const tracer = new FakeTracer();
  const replay = new SpanReplay(tracer, [], () => undefined);
  const calls = new RecordedCalls({
    clock: new FakeClock(),
    headers: [],
    choice,
    tell: (event) => replay.take(event),
  });
  const tracing: Tracing = {
    wants: (call, named) => calls.wants(call, named),
    begin: (call, named) => calls.begin(call, named),
    end: (recorded, outcome) => calls.end(recorded, outcome),
    failed: (call, outcome) => calls.failed(call, outcome),
    exemplars: () => [],
    exporters: () => [],
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const endpoint = takes('infer', () => (more === undefined ? reply : { ...reply, more }));
  const names = { model: 'm', version: '', repository: '', region: '', label: '' };
  const call: HttpCall = {
    context: new CallContext(0, Infinity),
    path: names,
    query: '',
    body: Buffer.alloc(0),
    header: () => undefined,
  };
  const { post } = traceEndpoint('/v2/models/{model}/generate_stream', endpoint, tracing);
  return {
    tracing,
    tracer,
    context: call.context,
    ask: async () => post?.(call) ?? assert.fail('no handler'),
  };
}

test('the span of a request ends with its reply', async () => {
  const { tracer, ask } = setUp(undefined);
  await ask();
  assert.equal(tracer.spans.length, 1);
  assert.notEqual(tracer.spans[0]?.endTime, undefined);
});

test('the span of a reply that goes on ends when all of it is written, or cannot be', async () => {
  for (const outcome of [Promise.resolve(), Promise.reject(new Error('gone'))]) {
    const { tracer, ask } = setUp(() => outcome);
    const { more } = await ask();
    assert.equal(tracer.spans[0]?.endTime, undefined);
    await more?.(() => Promise.resolve()).catch(() => undefined);
    assert.notEqual(tracer.spans[0]?.endTime, undefined);
  }
});

test('the span of a request whose version an experiment chose says which, and by which arm', async () => {
  const { tracer, context, ask } = setUp(undefined);
  context.experiment = 'm-2';
  context.arm = 'canary';
  await ask();
  const { attributes } = tracer.spans[0] ?? assert.fail('no span');
  assert.deepEqual([attributes['tensorgate.experiment'], attributes['tensorgate.arm']], ['m-2', 'canary']);
});

test('a request that was not chosen is kept when it fails by fault of the server, and only then', async () => {
  const { tracing, tracer, context, ask } = setUp(undefined, { wants: () => false });
  context.front = 'http';
  traceFailure(tracing, context, new ServingError('internal', 'before it was seen'));
  await ask();
  assert.equal(tracer.spans.length, 0);
  traceFailure(tracing, context, new ServingError('invalid_argument', 'wrong'));
  assert.equal(tracer.spans.length, 0);
  traceFailure(tracing, context, new ServingError('internal', 'broken', { reason: 'INFERENCE_FAILED' }));
  const [only, more] = tracer.spans;
  assert.equal(more, undefined);
  assert.equal(only?.name, 'POST /v2/models/{model}/generate_stream');
  assert.equal(only?.attributes['error.type'], 'INFERENCE_FAILED');
  assert.equal(only?.attributes['http.response.status_code'], 500);
});
