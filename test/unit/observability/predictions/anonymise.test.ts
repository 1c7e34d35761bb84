import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anonymise } from '../../../../src/observability/predictions/anonymise.ts';
import type { Rule } from '../../../../src/observability/predictions/plan.ts';

type Value = string | number | boolean | null;

const cases: readonly (readonly [title: string, rule: Rule, value: Value, written: unknown])[] = [
  ['keep writes the value', { kind: 'keep' }, 'Anna', 'Anna'],
  ['drop writes nothing', { kind: 'drop' }, 'Anna', undefined],
  ['hash writes a hash', { kind: 'hash' }, 42, '#42'],
  ['a missing number stays missing', { kind: 'hash' }, null, null],
  ['a width makes intervals', { kind: 'width', width: 10 }, 37, '[30, 40)'],
  ['the lower end belongs to its interval', { kind: 'width', width: 0.1 }, 0.3, '[0.3, 0.4)'],
  ['a width takes numbers below zero', { kind: 'width', width: 10 }, -1, '[-10, 0)'],
  ['bounds make intervals', { kind: 'bounds', bounds: [18, 65] }, 18, '[18, 65)'],
  ['below the first bound is open', { kind: 'bounds', bounds: [18, 65] }, 3, '[-Infinity, 18)'],
  ['from the last bound on is open', { kind: 'bounds', bounds: [18, 65] }, 65, '[65, Infinity)'],
  ['a text in intervals is not written', { kind: 'bounds', bounds: [18] }, '30', undefined],
  ['a text in widths is not written', { kind: 'width', width: 1 }, 'x', undefined],
  ['mask hides all', { kind: 'mask', keepFirst: 0, keepLast: 0 }, 'Anna', '***'],
  ['mask shows both ends', { kind: 'mask', keepFirst: 1, keepLast: 2 }, 'DE123456', 'D***56'],
  ['mask hides what it would mostly show', { kind: 'mask', keepFirst: 1, keepLast: 2 }, '12345', '***'],
  ['mask counts characters, not code units', { kind: 'mask', keepFirst: 1, keepLast: 0 }, '😀😀', '😀***'],
];

for (const [title, rule, value, written] of cases) {
  test(title, () => {
    assert.deepEqual(
      anonymise(rule, value, (text) => `#${text}`),
      written,
    );
  });
}
