import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plannedSamples, type Design } from '../../../src/statistics/planned-samples.ts';

const design: Design = { proportion: 0.1, effect: 0.02, alpha: 0.05, power: 0.8, looks: 1, share: 0.5 };

test('one look at two proportions needs what textbooks say', () => {
  // Fleiss without continuity correction: 0.10 against 0.12, 80 %, two-sided 5 %.
  assert.deepEqual(plannedSamples(design), { candidate: 3841, baseline: 3841 });
});

test('one look at two means needs what textbooks say', () => {
  const means = plannedSamples({ ...design, proportion: undefined, deviation: 10, effect: 1 });
  // 2 (1.96 + 0.8416)² / 0.1².
  assert.deepEqual(means, { candidate: 1570, baseline: 1570 });
});

test('looks on the way cost some percent, and looks at any time about twice as much', () => {
  const once = plannedSamples(design)?.candidate ?? 0;
  const five = (plannedSamples({ ...design, looks: 5 })?.candidate ?? 0) / once;
  const always = (plannedSamples({ ...design, looks: 'always' })?.candidate ?? 0) / once;
  assert.ok(five > 1.02 && five < 1.07, String(five));
  assert.ok(always > 1.6 && always < 2.2, String(always));
});

test('an arm with a small part makes the other one wait for it', () => {
  const uneven = plannedSamples({ ...design, share: 0.1 });
  assert.ok((uneven?.baseline ?? 0) > 8.99 * (uneven?.candidate ?? Infinity));
  assert.ok((uneven?.candidate ?? 0) < 3841);
});

test('what cannot be is not planned', () => {
  assert.equal(plannedSamples({ ...design, proportion: 0 }), undefined);
  assert.equal(plannedSamples({ ...design, proportion: 0.5, effect: 0.6 }), undefined);
  assert.equal(plannedSamples({ ...design, proportion: undefined }), undefined);
});
