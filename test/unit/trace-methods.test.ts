import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { CallContext } from '../../src/inference/call-context.ts';
import { CallTracer } from '../../src/observability/tracing/call-tracer.ts';
import type { Tracing } from '../../src/observability/tracing/start-tracing.ts';
import { traceEndpoint } from '../../src/trace-methods.ts';
import { takes, type HttpCall } from '../../src/transport/http/http-call.ts';
import type { HttpReply } from '../../src/transport/http/reply.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeTracer } from '../support/fake-tracer.ts';

const reply: HttpReply = { status: 200, contentType: '', headers: [], pieces: [], compressible: false };

function setUp(more: HttpReply['more']) {
  const tracer = new FakeTracer();
  const tracing: Tracing = {
    calls: new CallTracer({ tracer, clock: new FakeClock() }),
    wants: () => true,
    parentOf: () => ROOT_CONTEXT,
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
  return { tracer, context: call.context, ask: async () => post?.(call) ?? assert.fail('no handler') };
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
