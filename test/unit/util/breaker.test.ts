import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Breaker } from '../../../src/util/breaker.ts';
import type { BreakerLimits, BreakerOutcome } from '../../../src/util/breaker-policy.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';

const limits: BreakerLimits = {
  windowMs: 30_000,
  windowOutcomes: 10,
  fewestOutcomes: 4,
  failureRatio: 0.5,
  fatalFailures: 2,
  openMs: 1_000,
  longestOpenMs: 3_000,
};

/** A breaker whose samples the test answers, without jitter. */
class Bench {
  readonly clock = new FakeClock();
  readonly changes: string[] = [];
  readonly samples: PromiseWithResolvers<boolean>[] = [];
  readonly breaker = new Breaker({
    clock: this.clock,
    limits,
    random: () => 0,
    sample: () => {
      const sample = Promise.withResolvers<boolean>();
      this.samples.push(sample);
      return sample.promise;
    },
    onChange: (state) => this.changes.push(state.kind === 'half-open' ? state.step : state.kind),
  });

  work(...outcomes: readonly BreakerOutcome[]): void {
    for (const outcome of outcomes) this.breaker.end(this.breaker.begin(), outcome);
  }

  async answerSample(passed: boolean): Promise<void> {
    this.samples.at(-1)!.resolve(passed);
    await settled();
  }
}

test('it opens at half failures, refuses for its time, and closes after a sample and one piece of work', async () => {
  const bench = new Bench();
  bench.work('success', 'failure', 'success');
  assert.equal(bench.breaker.refusing, false);
  bench.work('failure');
  assert.deepEqual(
    [bench.breaker.refusing, bench.breaker.opened, bench.breaker.retryAfterMs()],
    [true, 1, 1_000],
  );
  bench.clock.advance(400);
  assert.equal(bench.breaker.retryAfterMs(), 600);
  bench.clock.advance(600);
  assert.deepEqual([bench.breaker.refusing, bench.samples.length], [true, 1]);
  await bench.answerSample(true);
  assert.equal(bench.breaker.refusing, false);
  const begun = bench.breaker.begin();
  assert.equal(bench.breaker.refusing, true);
  bench.breaker.end(begun, 'success');
  assert.equal(bench.breaker.refusing, false);
  assert.deepEqual(bench.changes, ['open', 'sample', 'waiting', 'trial', 'closed']);
  assert.equal(bench.clock.pending, 0);
});

test('what says nothing does not count', () => {
  const bench = new Bench();
  bench.work(...Array.from<BreakerOutcome>({ length: 50 }).fill('neutral'), 'failure', 'failure', 'failure');
  assert.equal(bench.breaker.refusing, false);
});

test('a failed sample opens it for twice as long', async () => {
  const bench = new Bench();
  bench.work('fatal', 'fatal');
  bench.clock.advance(1_000);
  await bench.answerSample(false);
  assert.deepEqual([bench.breaker.refusing, bench.breaker.retryAfterMs()], [true, 2_000]);
});

test('a sample that throws has failed', async () => {
  const bench = new Bench();
  bench.work('fatal', 'fatal');
  bench.clock.advance(1_000);
  bench.samples[0]!.reject(new Error('broken'));
  await settled();
  assert.equal(bench.breaker.state.kind, 'open');
});

test('a failed trial opens it, one that says nothing lets another be tried', async () => {
  const bench = new Bench();
  bench.work('fatal', 'fatal');
  bench.clock.advance(1_000);
  await bench.answerSample(true);
  bench.work('neutral');
  assert.equal(bench.breaker.refusing, false);
  bench.work('failure');
  assert.deepEqual([bench.breaker.state.kind, bench.breaker.opened], ['open', 2]);
});

test('work that began before it opened does not decide a trial', async () => {
  const bench = new Bench();
  const early = bench.breaker.begin();
  bench.work('fatal', 'fatal');
  bench.clock.advance(1_000);
  await bench.answerSample(true);
  bench.breaker.end(early, 'success');
  assert.equal(bench.breaker.state.kind, 'half-open');
  bench.breaker.end(early, 'fatal');
  assert.equal(bench.breaker.state.kind, 'half-open');
});

test('probing early ends the open time, and its timer', async () => {
  const bench = new Bench();
  bench.breaker.trip('hang');
  bench.clock.advance(100);
  bench.breaker.probe();
  assert.deepEqual([bench.samples.length, bench.clock.pending], [1, 0]);
  await bench.answerSample(true);
  bench.work('success');
  assert.equal(bench.breaker.state.kind, 'closed');
});

test('without a sample, work is tried when the open time is over', async () => {
  const clock = new FakeClock();
  const breaker = new Breaker({ clock, limits });
  breaker.trip('failures');
  clock.advance(1_000);
  await settled();
  assert.deepEqual([breaker.state.kind, breaker.refusing], ['half-open', false]);
});

test('once disposed, nothing waits and a late sample changes nothing', async () => {
  const bench = new Bench();
  bench.breaker.trip('failures');
  bench.clock.advance(1_000);
  bench.breaker[Symbol.dispose]();
  await bench.answerSample(true);
  assert.deepEqual([bench.breaker.refusing, bench.clock.pending], [true, 0]);
});
