import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { RuntimeMonitor } from '../../../src/observability/runtime-monitor.ts';
import type { Clock } from '../../../src/util/clock.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';

/** Its timers fire late by so much. */
class LateClock implements Clock {
  readonly #clock = new FakeClock();
  lateMs = 0;

  now(): number {
    return this.#clock.now();
  }

  epochMs(): number {
    return this.#clock.epochMs();
  }

  after(delayMs: number, run: () => void): Disposable {
    return this.#clock.after(delayMs + this.lateMs, run);
  }

  get pending(): number {
    return this.#clock.pending;
  }

  advance(ms: number): void {
    this.#clock.advance(ms);
  }
}

test('how late timers fire is the delay of the event loop', () => {
  const clock = new LateClock();
  using monitor = new RuntimeMonitor(clock);
  clock.advance(50);
  clock.lateMs = 30;
  clock.advance(50);
  clock.advance(80);
  const { bounds, counts, sum } = monitor.read().eventLoopDelay;
  assert.deepEqual(
    counts.flatMap((count, bucket) => (count === 0 ? [] : [[bounds[bucket], count]])),
    [
      [1, 2],
      [50, 1],
    ],
  );
  assert.equal(sum, 30);
});

test('it tells of the heap', () => {
  using monitor = new RuntimeMonitor(new FakeClock());
  const { heapUsedBytes, heapLimitBytes } = monitor.read();
  assert.ok(heapUsedBytes > 0 && heapUsedBytes < heapLimitBytes);
});

test('pauses of the garbage collector are counted by kind, and no more once it is disposed', async () => {
  setFlagsFromString('--expose-gc');
  const collect: (options?: { readonly type: 'minor' }) => void = runInNewContext('gc');
  const monitor = new RuntimeMonitor(new FakeClock());
  const pauses = (kind: 'scavenge' | 'mark_sweep'): number =>
    monitor.read().collections[kind].counts.reduce((sum, count) => sum + count, 0);
  collect();
  collect({ type: 'minor' });
  for (let turns = 0; turns < 100 && (pauses('mark_sweep') === 0 || pauses('scavenge') === 0); turns++) {
    await settled();
  }
  assert.ok(pauses('mark_sweep') >= 1);
  assert.ok(pauses('scavenge') >= 1);
  assert.ok(monitor.read().collections.mark_sweep.sum > 0);
  monitor[Symbol.dispose]();
  const before = pauses('mark_sweep');
  collect();
  for (let turns = 0; turns < 5; turns++) await settled();
  assert.equal(pauses('mark_sweep'), before);
});

test('it leaves no timer behind', () => {
  const clock = new LateClock();
  const monitor = new RuntimeMonitor(clock);
  clock.advance(50);
  assert.equal(clock.pending, 1);
  monitor[Symbol.dispose]();
  assert.equal(clock.pending, 0);
});
