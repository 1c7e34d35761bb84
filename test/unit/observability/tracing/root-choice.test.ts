import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';
import { chooseRoots, chosenSampler } from '../../../../src/observability/tracing/root-choice.ts';

const none = { header: (): undefined => undefined, front: 'grpc' } as const;

test('of calls without a context the ratio is chosen, of others all', () => {
  const draws = [0.009, 0.01, 0.5, 0];
  const choice = chooseRoots({
    sampler: 'parentbased_traceidratio',
    argument: '0.01',
    contextHeaders: ['traceparent', 'b3'],
    random: () => draws.shift() ?? assert.fail('drawn too often'),
  });
  assert.deepEqual(
    Array.from({ length: 4 }, () => choice?.wants(none)),
    [true, false, false, true],
  );
  assert.equal(choice?.wants({ header: (name) => (name === 'b3' ? '0' : undefined), front: 'grpc' }), true);
});

for (const [sampler, argument] of [
  [undefined, undefined],
  ['always_on', '0.5'],
  ['parentbased_always_off', undefined],
  ['traceidratio', 'half'],
  ['parentbased_traceidratio', 'half'],
  ['parentbased_traceidratio', '2'],
] as const) {
  test(`sampler ${sampler} with ${argument} chooses by itself`, () => {
    assert.equal(chooseRoots({ sampler, argument, contextHeaders: [] }), undefined);
  });
}

test('without an argument every call is chosen', () => {
  const options = { sampler: 'parentbased_traceidratio', argument: undefined, contextHeaders: [] };
  assert.equal(chooseRoots({ ...options, random: () => 0.999 })?.wants(none), true);
});

for (const { parent, flags, decision } of [
  { parent: 'no parent', flags: undefined, decision: 2 },
  { parent: 'a sampled parent', flags: TraceFlags.SAMPLED, decision: 2 },
  { parent: 'a parent that is not sampled', flags: TraceFlags.NONE, decision: 0 },
]) {
  test(`a span below ${parent} is ${decision === 2 ? '' : 'not '}sampled`, () => {
    const context =
      flags === undefined
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, { traceId: 't', spanId: 's', traceFlags: flags });
    assert.deepEqual(chosenSampler.shouldSample(context, 't'), { decision });
  });
}

test('traceidratio chooses among calls without a context, and by their ids among traces of others', () => {
  const choice = chooseRoots({
    sampler: 'traceidratio',
    argument: '0.5',
    contextHeaders: ['traceparent'],
    random: () => 0.7,
  });
  assert.equal(choice?.wants(none), false);
  const below = (traceId: string, traceFlags: TraceFlags): number | undefined => {
    const context = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId: 's', traceFlags, isRemote: true });
    return choice?.sampler.shouldSample(context, traceId).decision;
  };
  const low = '0af7651916cd43dd8470000000000000';
  const high = '0af7651916cd43dd8480000000000000';
  assert.equal(below(low, TraceFlags.NONE), 2);
  assert.equal(below(high, TraceFlags.SAMPLED), 0);
  assert.equal(choice?.sampler.shouldSample(ROOT_CONTEXT, high).decision, 2);
  const own = trace.setSpanContext(ROOT_CONTEXT, {
    traceId: high,
    spanId: 's',
    traceFlags: TraceFlags.SAMPLED,
  });
  assert.equal(choice?.sampler.shouldSample(own, high).decision, 2);
});
