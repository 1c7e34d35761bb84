import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createBatcher } from '../../../src/batching/create-batcher.ts';
import { ServingError } from '../../../src/errors.ts';
import { buildTarget, callAt, rowsRequest } from '../../support/build-target.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { PuppetExecutor } from '../../support/puppet-executor.ts';

/** A device whose batches take 5 ms and 0.2 ms a row, up to 32 rows: 2,807 rows a second at best. */
const serviceMs = (rows: number): number => 5 + 0.2 * rows;
const capacity = 32_000 / serviceMs(32);

interface Outcome {
  readonly offered: number;
  readonly good: number;
  readonly late: number;
  readonly refused: number;
  /** Refused requests whose refusal came later than 5 ms after them. */
  readonly slowRefusals: number;
  readonly otherErrors: readonly string[];
  readonly unanswered: number;
}

interface Scenario {
  readonly seconds: number;
  /** Requests per second at a moment. */
  readonly rate: (ms: number) => number;
  readonly deadlineMs: (random: () => number) => number;
}

/** Sends requests of one row at random moments (a Poisson process with a fixed seed) and counts what became of them. */
async function simulate({ seconds, rate, deadlineMs }: Scenario): Promise<Outcome> {
  const clock = new FakeClock();
  const executor = new PuppetExecutor({ clock, serviceMs });
  const target = buildTarget([executor], { spec: { maxBatchSize: 32 } });
  const batcher = createBatcher({ clock, nextTurn: queueMicrotask });
  const random = seeded(7);
  const counts = { offered: 0, good: 0, late: 0, refused: 0, slowRefusals: 0, answered: 0 };
  const otherErrors: string[] = [];
  const request = rowsRequest(1);
  const send = async (): Promise<void> => {
    const sentAt = clock.now();
    const deadline = sentAt + deadlineMs(random);
    counts.offered += 1;
    try {
      await batcher.submit(target, request, callAt(sentAt, { deadline }));
      if (clock.now() <= deadline) counts.good += 1;
      else counts.late += 1;
    } catch (error) {
      const { code } = ServingError.from(error);
      if (code !== 'resource_exhausted') otherErrors.push(code);
      counts.refused += 1;
      if (clock.now() - sentAt > 5) counts.slowRefusals += 1;
    }
    counts.answered += 1;
  };
  const end = seconds * 1_000;
  let nextArrival = 0;
  while (clock.now() < end || clock.pending > 0) {
    const arrival = nextArrival < end ? nextArrival : Infinity;
    if (arrival === Infinity && clock.pending === 0) break;
    if (arrival <= clock.nextDue) {
      clock.advance(arrival - clock.now());
      void send();
      nextArrival += (-Math.log(1 - random()) * 1_000) / rate(nextArrival);
    } else {
      clock.advance(clock.nextDue - clock.now());
    }
    for (let i = 0; i < 4; i++) await Promise.resolve();
  }
  const { offered, answered, ...rest } = counts;
  return { ...rest, offered, otherErrors, unanswered: offered - answered };
}

/** Mulberry32: small, good enough, and the same on every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const seconds = 0.8;

for (const factor of [0.9, 1.5, 3]) {
  test(`at ${factor} times capacity with 50 ms deadlines, 95 % of what is possible is answered in time`, async () => {
    const outcome = await simulate({ seconds, rate: () => factor * capacity, deadlineMs: () => 50 });
    const possible = Math.min(outcome.offered, capacity * seconds);
    assert.ok(outcome.good >= 0.95 * possible, `${outcome.good} of ${possible}`);
    assert.ok(outcome.slowRefusals <= 0.01 * outcome.refused, `${outcome.slowRefusals} refused late`);
    assert.deepEqual(outcome.otherErrors, []);
    assert.equal(outcome.unanswered, 0);
  });
}

test('at 1.5 times capacity with deadlines from 25 to 75 ms, goodput holds as well', async () => {
  const deadlineMs = (random: () => number): number => 25 + 50 * random();
  const outcome = await simulate({ seconds, rate: () => 1.5 * capacity, deadlineMs });
  assert.ok(outcome.good >= 0.95 * capacity * seconds, `${outcome.good} of ${capacity * seconds}`);
});

test('bursts of 1.35 times capacity that average 0.7 times are answered to three quarters in time', async () => {
  const rate = (ms: number): number => (Math.floor(ms / 200) % 2 === 0 ? 0.05 : 1.35) * capacity;
  const outcome = await simulate({ seconds, rate, deadlineMs: () => 50 });
  assert.ok(outcome.good >= 0.75 * outcome.offered, `${outcome.good} of ${outcome.offered}`);
  assert.equal(outcome.unanswered, 0);
});
