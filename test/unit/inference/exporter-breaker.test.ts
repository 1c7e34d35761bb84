import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ExporterBreaker,
  mergeExporters,
  type ExporterReading,
} from '../../../src/inference/exporter-breaker.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';

function start() {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const breaker = new ExporterBreaker({ exporter: 'traces', clock, logger, random: () => 0 });
  const outcome = (how: 'success' | 'failure' | 'neutral'): void => breaker.end(breaker.begin(), how);
  return { clock, logger, breaker, outcome };
}

/** Trying without a sample takes a turn of promises. */
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test('three exports that fail stop it for five seconds, and the log says so', () => {
  const { breaker, outcome, logger } = start();
  outcome('failure');
  outcome('failure');
  assert.equal(breaker.refusing, false);
  outcome('failure');
  assert.equal(breaker.refusing, true);
  assert.deepEqual(breaker.read(), {
    exporter: 'traces',
    state: 'open',
    cause: 'failures',
    opened: 1,
    opensForMs: 5000,
  });
  assert.deepEqual(logger.lines, [
    {
      level: 'warn',
      message: 'breaker open: nothing is exported for a while',
      exporter: 'traces',
      cause: 'failures',
      opens: 1,
      retryMs: 5000,
    },
  ]);
});

test('a failure among others that succeed stops nothing', () => {
  const { breaker, outcome } = start();
  for (let i = 0; i < 30; i++) outcome(i % 3 === 2 ? 'failure' : 'success');
  assert.equal(breaker.read().opened, 0);
});

test('one export is tried after that; its success ends it, its failure doubles the time', async () => {
  const { breaker, outcome, clock, logger } = start();
  for (let i = 0; i < 3; i++) outcome('failure');
  clock.advance(5000);
  await settled();
  assert.deepEqual([breaker.refusing, breaker.read().state], [false, 'half_open']);
  const begun = breaker.begin();
  assert.equal(breaker.refusing, true);
  breaker.end(begun, 'failure');
  assert.deepEqual([breaker.read().state, breaker.retryAfterMs()], ['open', 10_000]);
  clock.advance(10_000);
  await settled();
  outcome('success');
  assert.deepEqual([breaker.refusing, breaker.read().state], [false, 'closed']);
  assert.equal(logger.lines.at(-1)?.['message'], 'breaker closed: exporting again');
});

test('of several threads the worst state counts, and all openings', () => {
  const closed: ExporterReading = {
    exporter: 'traces',
    state: 'closed',
    cause: '',
    opened: 0,
    opensForMs: 0,
  };
  const open: ExporterReading = { ...closed, state: 'open', cause: 'probe', opened: 2, opensForMs: 7 };
  const webhook: ExporterReading = { ...closed, exporter: 'webhook', opened: 1 };
  for (const order of [
    [closed, open, webhook],
    [webhook, open, closed],
  ]) {
    const merged = mergeExporters(order).toSorted((a, b) => a.exporter.localeCompare(b.exporter));
    assert.deepEqual(merged, [open, webhook]);
  }
});
