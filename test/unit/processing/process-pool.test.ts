import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../../src/inference/logger.ts';
import type { ProcessingPlan, ProcessingStep } from '../../../src/inference/processing.ts';
import { noParameters } from '../../../src/inference/request.ts';
import { ProcessPool } from '../../../src/processing/process-pool.ts';
import { callAt } from '../../support/build-target.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';
import { puppetModules, type PuppetModule } from '../../support/puppet-module.ts';

const plan: ProcessingPlan = { modulePath: '/m.ts', processes: 1, timeoutMs: 100, memoryBytes: 1000 };

const step: ProcessingStep = {
  hook: 'preprocess',
  request: { model: 'm', version: '1', id: '', parameters: noParameters },
  tensors: [],
  state: undefined,
};

async function openPool(overrides: Partial<ProcessingPlan> = {}) {
  const clock = new FakeClock();
  const { started, start } = puppetModules();
  const logger = silentLogger;
  const random = () => 0;
  const pool = new ProcessPool({ model: 'm', plan: { ...plan, ...overrides }, clock, logger, start, random });
  const opening = pool.open();
  for (let at = 0; at < (overrides.processes ?? 1); at++) {
    started[at]!.opened();
    await settled();
  }
  await opening;
  const puppet = (at: number): PuppetModule => started[at]!;
  return { clock, started, pool, puppet, run: (call = callAt(0)) => pool.run(step, call) };
}

test('hooks run one after the other, in the order of their requests', async () => {
  const { pool, puppet, run } = await openPool();
  await using _pool = pool;
  const [first, second] = [run(), run()];
  assert.equal(puppet(0).asked.length, 2);
  puppet(0).done();
  await first;
  await settled();
  assert.equal(puppet(0).asked.length, 3);
  puppet(0).done();
  await second;
});

test('as many hooks run at a time as there are processes', async () => {
  const { pool, puppet, run } = await openPool({ processes: 2 });
  await using _pool = pool;
  const running = [run(), run()];
  assert.deepEqual([puppet(0).asked.length, puppet(1).asked.length], [2, 2]);
  puppet(0).done();
  puppet(1).done();
  await Promise.all(running);
});

test('a hook that does not end fails its request, and those that wait are run by the next process', async () => {
  const { clock, pool, puppet, run } = await openPool();
  await using _pool = pool;
  const [hanging, waiting] = [run(), run()];
  const failure = assert.rejects(hanging, { code: 'internal', reason: 'PROCESSING_TIMEOUT' });
  await clock.advanceSettling(100);
  await failure;
  assert.equal(puppet(0).killed, true);
  await clock.advanceSettling(100);
  puppet(1).opened();
  await settled();
  puppet(1).done();
  await waiting;
});

test('a process that ends fails the request that it worked on', async () => {
  const { pool, puppet, run } = await openPool();
  await using _pool = pool;
  const lost = run();
  puppet(0).exit(new Error('gone'));
  await assert.rejects(lost, { code: 'internal', reason: 'PROCESSING_LOST' });
});

test('a run that takes more memory than it may is ended', async () => {
  const { clock, pool, puppet, run } = await openPool();
  await using _pool = pool;
  const growing = run();
  puppet(0).holds = 1001;
  const failure = assert.rejects(growing, { code: 'internal', reason: 'PROCESSING_MEMORY' });
  await clock.advanceSettling(50);
  await failure;
});

test('a process that has grown answers, and is replaced before the next request', async () => {
  const { clock, pool, puppet, run } = await openPool();
  await using _pool = pool;
  const [first, second] = [run(), run()];
  puppet(0).done(1001);
  await first;
  assert.equal(puppet(0).killed, true);
  assert.equal(puppet(0).asked.length, 2);
  await clock.advanceSettling(100);
  puppet(1).opened();
  await settled();
  puppet(1).done();
  await second;
});

test('a module that always ends is started ten times in five minutes, and requests are told how long to wait', async () => {
  const { clock, pool, started, run } = await openPool();
  await using _pool = pool;
  started[0]!.exit(new Error('0'));
  for (let at = 1; at <= 20; at++) {
    await clock.advanceSettling(10_000);
    started[at]?.exit(new Error(`${at}`));
    await settled();
  }
  assert.equal(started.length, 11);
  const refusal = await run().catch((error: unknown) => error as { reason: string; retryAfterMs: number });
  assert.ok('reason' in refusal && refusal.reason === 'PROCESSING_DOWN');
  assert.ok(refusal.retryAfterMs > 1000 && refusal.retryAfterMs <= 300_000);
});

test('who gives up while waiting is not run, and who gives up later frees nothing twice', async () => {
  const { pool, puppet, run } = await openPool();
  await using _pool = pool;
  const [running, waiting] = [callAt(0), callAt(0)];
  const [first, second] = [run(running), run(waiting)];
  waiting.cancel();
  running.cancel();
  await assert.rejects(second, { code: 'cancelled' });
  puppet(0).done();
  await first;
  await settled();
  assert.equal(puppet(0).asked.length, 2);
});

test('more than a thousand waiting requests are refused with advice to retry', async () => {
  const { pool, run } = await openPool();
  const waiting = Array.from({ length: 1001 }, () => run().catch((error: unknown) => error));
  await assert.rejects(run(), { code: 'resource_exhausted', reason: 'PROCESSING_BUSY', retryAfterMs: 100 });
  await pool[Symbol.asyncDispose]();
  const ends = await Promise.all(waiting);
  assert.ok(ends.every((end) => end instanceof Error));
});

test('what the module refuses is the mistake of the client, with its text', async () => {
  const { pool, puppet, run } = await openPool();
  await using _pool = pool;
  const refused = run();
  puppet(0).answer({ kind: 'refused', text: 'no\nflower', heldBytes: 0 });
  await assert.rejects(refused, {
    code: 'invalid_argument',
    reason: 'PROCESSING_REFUSED',
    message: 'no?flower',
  });
});

test('what the module throws is not told to the client', async () => {
  const { pool, puppet, run } = await openPool();
  await using _pool = pool;
  const failed = run();
  puppet(0).answer({ kind: 'failed', text: 'secret at /path', heldBytes: 0 });
  await assert.rejects(failed, { code: 'internal', message: 'preprocess of the model failed' });
});

test('a module that cannot be loaded leaves no process behind', async () => {
  const { started, start } = puppetModules();
  const clock = new FakeClock();
  const pool = new ProcessPool({ model: 'm', plan, clock, logger: silentLogger, start });
  const opening = pool.open();
  started[0]!.answer({ kind: 'failed', text: 'SyntaxError', heldBytes: 0 });
  await assert.rejects(opening, { code: 'invalid_argument', reason: 'MODEL_LOAD_FAILED' });
  assert.equal(started[0]!.killed, true);
  assert.equal(clock.pending, 0);
});
