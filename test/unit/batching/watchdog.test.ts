import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchingBench, type BenchOptions } from '../../support/batching-bench.ts';
import { settled } from '../../support/fake-clock.ts';

const hangLimits = { leastMs: 1_000, factor: 20, unlearnedMs: 8_000 };
const hung = 'unavailable EXECUTOR_HUNG';

async function learned(ms: number, options: BenchOptions = {}): Promise<BatchingBench> {
  const bench = new BatchingBench({ hangLimits, ...options });
  for (let i = 0; i < 3 * bench.executors.length; i++) {
    bench.send(1, -1);
    await settled();
    bench.clock.advance(ms);
    for (const executor of bench.executors) if (executor.running !== undefined) await bench.finish(executor);
  }
  bench.ended.length = 0;
  return bench;
}

test('a run of twenty times its cost is given up, the model goes out of service, and waiting requests are told', async () => {
  const bench = await learned(100);
  bench.send(1, 1);
  await settled();
  bench.send(1, 2);
  await bench.clock.advanceSettling(1_900);
  assert.deepEqual(bench.ended, []);
  await bench.clock.advanceSettling(500);
  assert.deepEqual([bench.outcome(1), bench.outcome(2)], [hung, 'unavailable MODEL_BREAKER_OPEN']);
  const { state, cause, hungRuns } = bench.inspection.breaker;
  assert.deepEqual([state, cause, hungRuns], ['open', 'hang', 1]);
});

test('while the machine stands still no run is taken to hang, and one that hangs is found out afterwards', async () => {
  const bench = await learned(1);
  bench.send(1, 1);
  await settled();
  bench.clock.standStill(3_000);
  await bench.clock.advanceSettling(1);
  assert.equal(bench.outcome(1), undefined);
  await bench.finish();
  assert.deepEqual(bench.outcome(1), [1]);
  bench.send(1, 2);
  await settled();
  bench.clock.standStill(3_000);
  await bench.clock.advanceSettling(300);
  assert.equal(bench.outcome(2), hung);
});

test('however cheap a model is, a run has the least time', async () => {
  const bench = await learned(1);
  bench.send(1, 1);
  await settled();
  await bench.clock.advanceSettling(990);
  assert.equal(bench.outcome(1), undefined);
  await bench.clock.advanceSettling(300);
  assert.equal(bench.outcome(1), hung);
});

test('a run whose cost nobody knows has the time of a first run', async () => {
  const bench = new BatchingBench({ hangLimits });
  bench.send(1, 1);
  await settled();
  await bench.clock.advanceSettling(7_900);
  assert.equal(bench.outcome(1), undefined);
  await bench.clock.advanceSettling(400);
  assert.equal(bench.outcome(1), hung);
});

test('as soon as another executor takes the place of the first that hung, the model is tried again', async () => {
  const bench = await learned(100);
  bench.send(1, 1);
  await bench.clock.advanceSettling(2_500);
  assert.equal(bench.outcome(1), hung);
  bench.executor.setIdle(true);
  await settled();
  assert.equal(bench.inspection.breaker.state, 'half_open');
  bench.send(1, 2);
  await settled();
  await bench.finish();
  assert.deepEqual([bench.outcome(2), bench.inspection.breaker.state], [[2], 'closed']);
});

test('what hangs again in its trial is given time', async () => {
  const bench = await learned(100);
  bench.send(1, 1);
  await bench.clock.advanceSettling(2_500);
  bench.executor.setIdle(true);
  await settled();
  bench.send(1, 2);
  await bench.clock.advanceSettling(2_500);
  assert.equal(bench.outcome(2), hung);
  bench.executor.setIdle(true);
  await settled();
  assert.equal(bench.inspection.breaker.state, 'open');
});

test('with two executors the other goes on serving, and the batch that hung is not given to it', async () => {
  const bench = await learned(100, { executors: 2 });
  const [first, second] = bench.executors;
  bench.send(1, 1);
  await settled();
  await bench.clock.advanceSettling(2_500);
  assert.deepEqual([bench.outcome(1), bench.inspection.breaker.state], [hung, 'closed']);
  const [up, down] = first!.idle ? [first!, second!] : [second!, first!];
  assert.deepEqual([up.running, down.idle], [undefined, false]);
  bench.send(1, 2);
  await settled();
  await bench.finish(up);
  assert.deepEqual(bench.outcome(2), [2]);
});

test('a batch larger than any before has the time of its rows one by one', async () => {
  const bench = await learned(100);
  bench.send(8, 1);
  await bench.clock.advanceSettling(15_900);
  assert.equal(bench.outcome(1), undefined);
  await bench.clock.advanceSettling(400);
  assert.equal(bench.outcome(1), hung);
});

test('nothing is watched while nothing runs', async () => {
  const bench = await learned(100);
  await bench.clock.advanceSettling(1_000);
  assert.equal(bench.clock.pending, 0);
  bench.send(1, 1);
  await settled();
  assert.ok(bench.clock.pending > 0);
  await bench.finish();
});

test('a time of 0 gives nothing up', async () => {
  const bench = new BatchingBench({ hangLimits: { leastMs: 0 } });
  bench.send(1, 1);
  await bench.clock.advanceSettling(10_000_000);
  assert.equal(bench.outcome(1), undefined);
  await bench.finish();
  assert.deepEqual(bench.outcome(1), [1]);
});
