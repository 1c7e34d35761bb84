import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TimerWheel, type WheelEntry } from '../../../src/util/timer-wheel.ts';
import { FakeClock } from '../../support/fake-clock.ts';

class Entry implements WheelEntry {
  dueAt = 0;
  nextDue: WheelEntry | undefined = undefined;
  previousDue: WheelEntry | undefined = undefined;
  slot = -1;
  readonly onDue: () => void;

  constructor(onDue: () => void) {
    this.onDue = onDue;
  }
}

describe('TimerWheel', () => {
  it('tells entries in time: never early, at most a tick late, however far away', () => {
    const clock = new FakeClock(12_345.6);
    const wheel = new TimerWheel(clock, 2);
    const told: [due: number, at: number][] = [];
    for (const delay of [0, 0.5, 3, 3, 100, 1023, 1024, 1025, 5000, 70_000]) {
      const due = clock.now() + delay;
      wheel.add(new Entry(() => told.push([due, clock.now()])), due);
    }
    for (let step = 0; step < 80_000; step++) clock.advance(1);
    assert.equal(told.length, 10);
    for (const [due, at] of told) assert.ok(at >= due && at <= due + 2, `due ${due}, told ${at}`);
    assert.equal(wheel.size, 0);
    assert.equal(clock.pending, 0);
  });

  it('does not tell entries that were removed, from any place of a slot', () => {
    const clock = new FakeClock();
    const wheel = new TimerWheel(clock, 2);
    const told: number[] = [];
    const entries = [0, 1, 2, 3, 4].map((id) => new Entry(() => told.push(id)));
    for (const entry of entries) wheel.add(entry, 10);
    for (const id of [0, 2, 4]) wheel.remove(entries[id]!);
    wheel.remove(entries[0]!);
    clock.advance(20);
    assert.deepEqual(
      told.toSorted((a, b) => a - b),
      [1, 3],
    );
  });

  it('lets entries add and remove others while they are told', () => {
    const clock = new FakeClock();
    const wheel = new TimerWheel(clock, 2);
    const told: string[] = [];
    const victim = new Entry(() => told.push('victim'));
    const again = new Entry(() => told.push('again'));
    wheel.add(victim, 10);
    wheel.add(
      new Entry(() => {
        told.push('first');
        wheel.remove(victim);
        wheel.add(again, clock.now() + 5);
      }),
      10,
    );
    clock.advance(30);
    assert.deepEqual(told, ['first', 'again']);
  });

  it('uses one timer for any number of entries, and an earlier one when it must', () => {
    const clock = new FakeClock();
    const wheel = new TimerWheel(clock, 2);
    for (let id = 0; id < 100; id++) wheel.add(new Entry(() => {}), 1000 + id);
    assert.equal(clock.pending, 1);
    wheel.add(new Entry(() => {}), 10);
    assert.equal(clock.pending, 1);
    assert.equal(clock.nextDue, 10);
    wheel[Symbol.dispose]();
    assert.equal(clock.pending, 0);
  });

  it('tells everything after a long sleep', () => {
    const clock = new FakeClock();
    const wheel = new TimerWheel(clock, 2);
    let told = 0;
    for (let id = 0; id < 2000; id++) wheel.add(new Entry(() => told++), id);
    clock.advance(1_000_000);
    assert.equal(told, 2000);
  });
});
