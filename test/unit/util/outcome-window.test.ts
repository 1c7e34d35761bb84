import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { OutcomeWindow } from '../../../src/util/outcome-window.ts';

type Kind = 'success' | 'failure' | 'fatal';

function counts({ outcomes, failures, fatal }: OutcomeWindow) {
  return { outcomes, failures, fatal };
}

test('the newest outcomes count, at most so many', () => {
  const window = new OutcomeWindow(3, 1_000);
  for (const kind of ['fatal', 'failure', 'success', 'success'] as const) window.add(kind, 0);
  assert.deepEqual(counts(window), { outcomes: 3, failures: 1, fatal: 0 });
});

test('outcomes older than the window are forgotten when the next comes', () => {
  const window = new OutcomeWindow(10, 1_000);
  window.add('fatal', 0);
  window.add('failure', 500);
  window.add('success', 1_001);
  assert.deepEqual(counts(window), { outcomes: 2, failures: 1, fatal: 0 });
});

test('it counts as a list that is cut by length and age would', () => {
  const step = fc.record({
    kind: fc.constantFrom<Kind>('success', 'failure', 'fatal'),
    afterMs: fc.nat(400),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 40 }), (size, steps) => {
      const window = new OutcomeWindow(size, 1_000);
      let list: { kind: Kind; at: number }[] = [];
      let now = 0;
      for (const { kind, afterMs } of steps) {
        now += afterMs;
        window.add(kind, now);
        list.push({ kind, at: now });
        list = list.slice(-size).filter(({ at }) => at >= now - 1_000);
        assert.deepEqual(counts(window), {
          outcomes: list.length,
          failures: list.filter((one) => one.kind !== 'success').length,
          fatal: list.filter((one) => one.kind === 'fatal').length,
        });
      }
    }),
  );
});

test('after clearing it counts from nothing', () => {
  const window = new OutcomeWindow(2, 1_000);
  window.add('fatal', 0);
  window.add('fatal', 0);
  window.clear();
  assert.deepEqual(counts(window), { outcomes: 0, failures: 0, fatal: 0 });
  window.add('failure', 5_000);
  assert.deepEqual(counts(window), { outcomes: 1, failures: 1, fatal: 0 });
});
