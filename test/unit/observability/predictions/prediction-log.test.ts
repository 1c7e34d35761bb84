import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../../../src/inference/logger.ts';
import type { ModelPlan } from '../../../../src/observability/predictions/plan.ts';
import { PredictionLog } from '../../../../src/observability/predictions/prediction-log.ts';
import { Pseudonyms } from '../../../../src/observability/predictions/pseudonyms.ts';
import { SinkQueue } from '../../../../src/observability/predictions/sink-queue.ts';
import { buildAnswered, buildModelPlan, buildResponse } from '../../../support/build-answered.ts';
import { buildSpec } from '../../../support/build-target.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { PuppetSink } from '../../../support/puppet-sink.ts';

interface Started {
  readonly log: PredictionLog;
  readonly sink: PuppetSink;
}

function start(plan: ModelPlan = buildModelPlan(), random = 0): Started {
  const sink = new PuppetSink();
  const clock = new FakeClock();
  const log = new PredictionLog({
    plan: {
      models: new Map([['m', plan]]),
      jsonl: undefined,
      redis: undefined,
      otlp: false,
      keyFile: undefined,
      saltRotationMs: 1000,
    },
    pseudonyms: new Pseudonyms(Buffer.from('key'), 1000),
    sinks: [new SinkQueue({ sink, clock, logger: silentLogger })],
    clock,
    logger: silentLogger,
    random: () => random,
    nextTurn: () => Promise.resolve(),
  });
  return { log, sink };
}

test('answers of a model that is not named are not chosen', async () => {
  const { log } = start();
  assert.equal(log.choose('other'), undefined);
  assert.notEqual(log.choose('m'), undefined);
  await log[Symbol.asyncDispose]();
});

test('a part of the answers is chosen', async () => {
  const plan = buildModelPlan({ sample: 0.1 });
  const [chosen, passed] = [start(plan, 0.09), start(plan, 0.1)];
  assert.equal(chosen.log.choose('m'), plan);
  assert.equal(passed.log.choose('m'), undefined);
  await Promise.all([chosen.log[Symbol.asyncDispose](), passed.log[Symbol.asyncDispose]()]);
});

test('what is offered is written after its caller has gone on', async () => {
  const { log, sink } = start();
  log.offer(buildAnswered());
  assert.deepEqual(log.counts().models[0]?.records, 0);
  await log[Symbol.asyncDispose]();
  assert.deepEqual(
    sink.lines.map((line) => /"row":(\d)/.exec(line)?.[1]),
    ['0', '1'],
  );
  assert.equal(log.counts().models[0]?.records, 2);
});

test('answers for which there is no room are counted, not kept', async () => {
  const { log, sink } = start();
  for (let count = 0; count < 4100; count++) log.offer(buildAnswered());
  await log[Symbol.asyncDispose]();
  assert.equal(log.counts().models[0]?.dropped.pending, 4);
  assert.equal(sink.lines.length, 2 * 4096);
});

test('large answers have less room', async () => {
  const { log } = start();
  const sizeBytes = 20 * 1024 * 1024;
  log.offer(buildAnswered({ sizeBytes }));
  log.offer(buildAnswered({ sizeBytes }));
  await log[Symbol.asyncDispose]();
  assert.equal(log.counts().models[0]?.dropped.pending, 1);
  assert.equal(log.counts().models[0]?.records, 2);
});

test('rows above the limit are counted', async () => {
  const { log } = start();
  log.offer(buildAnswered({ plan: buildModelPlan({ maxRows: 1 }) }));
  await log[Symbol.asyncDispose]();
  assert.equal(log.counts().models[0]?.dropped.rows, 1);
});

test('an answer that cannot be read costs itself alone', async () => {
  const { log, sink } = start();
  const short = { name: 'y', datatype: 'FP32', shape: [2, 2], data: new Uint8Array(3) } as const;
  log.offer(buildAnswered({ response: buildResponse({ outputs: [short] }) }));
  log.offer(buildAnswered());
  await log[Symbol.asyncDispose]();
  assert.equal(log.counts().models[0]?.dropped.unreadable, 1);
  assert.equal(sink.lines.length, 2);
});

test('features that a model does not have are told once', async () => {
  const warnings: object[] = [];
  const { log } = start();
  const plan = buildModelPlan({ features: new Map([['height', { kind: 'keep' }]]) });
  const told = new PredictionLog({
    plan: {
      models: new Map([['m', plan]]),
      jsonl: undefined,
      redis: undefined,
      otlp: false,
      keyFile: undefined,
      saltRotationMs: 1000,
    },
    pseudonyms: new Pseudonyms(Buffer.from('key'), 1000),
    sinks: [],
    clock: new FakeClock(),
    logger: { ...silentLogger, warn: (fields) => void warnings.push(fields) },
    random: () => 0,
    nextTurn: () => Promise.resolve(),
  });
  const spec = buildSpec();
  told.offer(buildAnswered({ plan, spec }));
  told.offer(buildAnswered({ plan, spec }));
  await told[Symbol.asyncDispose]();
  await log[Symbol.asyncDispose]();
  assert.deepEqual(warnings, [{ model: 'm', version: '1', features: ['height'] }]);
});
