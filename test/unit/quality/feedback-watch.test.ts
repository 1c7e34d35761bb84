import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeedbackCounts, FeedbackPlan, LabelledRequest } from '../../../src/inference/monitoring.ts';
import { AdaptiveWindow } from '../../../src/quality/adaptive-window.ts';
import { FeedbackWatch, type QualityEvent } from '../../../src/quality/feedback-watch.ts';
import { KeptPredictions } from '../../../src/quality/kept-predictions.ts';
import type { Prediction } from '../../../src/quality/prediction.ts';
import { seededNormal, seededRandom } from '../../support/seeded-random.ts';

const plan: FeedbackPlan = {
  keepRequests: 1000,
  keepMs: 1000,
  windowLabels: 500,
  baseline: { metric: 'accuracy', value: 0.9 },
  alertBelow: 0.95,
};

const classes = ['cat', 'dog'];

function prediction(value: string, confidence: number): Prediction {
  const first = value === 'cat' ? confidence : 1 - confidence;
  return { kind: 'class', value, confidence, probabilities: [first, 1 - first] };
}

function watchOf(change: Partial<FeedbackPlan> = {}): { watch: FeedbackWatch; events: QualityEvent[] } {
  const events: QualityEvent[] = [];
  const all = { ...plan, ...change };
  const kept = new KeptPredictions(all.keepRequests, all.keepMs);
  return { watch: new FeedbackWatch(all, { classes, kept, onEvent: (event) => events.push(event) }), events };
}

function label(
  watch: FeedbackWatch,
  principal: string,
  { id, labels }: LabelledRequest,
  nowMs: number,
): keyof FeedbackCounts {
  return watch.label(watch.find(principal, id, nowMs), labels, nowMs);
}

function near(actual: number | undefined, expected: number): void {
  assert.ok(Math.abs((actual ?? Number.NaN) - expected) < 1e-6, `${actual} is not ${expected}`);
}

test('accuracy, F1, Brier score, log loss and calibration are those that scikit-learn computes', () => {
  const { watch } = watchOf();
  for (const [i, [value, confidence, expected]] of (
    [
      ['dog', 0.9, 'dog'],
      ['dog', 0.6, 'cat'],
      ['cat', 0.8, 'cat'],
      ['cat', 0.7, 'dog'],
    ] as const
  ).entries()) {
    watch.predicted('ann', `r${i}`, [prediction(value, confidence)], 0);
    assert.equal(label(watch, 'ann', { id: `r${i}`, labels: [expected] }, 10), 'accepted');
  }
  const { metrics, labelLag } = watch.report();
  near(metrics.accuracy, 0.5);
  near(metrics.f1, 0.5);
  near(metrics.brier, (0.01 + 0.36 + 0.04 + 0.49) / 4);
  near(metrics.logLoss, -(Math.log(0.9) + Math.log(0.4) + Math.log(0.8) + Math.log(0.3)) / 4);
  near(metrics.ece, (0.1 + 0.6 + 0.2 + 0.7) / 4);
  assert.equal(metrics.rmse, undefined);
  assert.deepEqual(labelLag, { medianMs: 10, p95Ms: 10 });
});

test('predictions of numbers have errors instead', () => {
  const { watch } = watchOf({ baseline: undefined });
  for (const [i, error] of [1, -1, 2, 0].entries()) {
    watch.predicted('ann', `${i}`, [{ kind: 'number', value: 5 + error }], 0);
    label(watch, 'ann', { id: `${i}`, labels: [5] }, 0);
  }
  const { metrics } = watch.report();
  near(metrics.rmse, Math.sqrt(6 / 4));
  near(metrics.mae, 1);
  assert.equal(metrics.accuracy, undefined);
});

test('labels find predictions by id, of their own caller, once, and until they are too old', () => {
  const { watch } = watchOf();
  watch.predicted('ann', 'a', [prediction('cat', 0.8), prediction('dog', 0.8)], 0);
  assert.equal(label(watch, 'bob', { id: 'a', labels: ['cat', 'dog'] }, 1), 'unknown');
  assert.equal(label(watch, 'ann', { id: 'b', labels: ['cat'] }, 1), 'unknown');
  assert.equal(label(watch, 'ann', { id: 'a', labels: ['cat'] }, 1), 'unfitting');
  assert.equal(label(watch, 'ann', { id: 'a', labels: [0, true] }, 1), 'accepted');
  assert.equal(label(watch, 'ann', { id: 'a', labels: ['dog', 'dog'] }, 1), 'repeated');
  assert.equal(watch.report().metrics.accuracy, 1);
  watch.predicted('ann', 'c', [prediction('cat', 0.8)], 0);
  assert.equal(label(watch, 'ann', { id: 'c', labels: ['cat'] }, 1001), 'unknown');
});

test('a label of a number that is no number does not fit', () => {
  const { watch } = watchOf();
  watch.predicted('ann', 'a', [{ kind: 'number', value: 1 }], 0);
  assert.equal(label(watch, 'ann', { id: 'a', labels: ['cat'] }, 0), 'unfitting');
  assert.equal(label(watch, 'ann', { id: 'a', labels: [Number.NaN] }, 0), 'unfitting');
});

test('no more predictions are kept than allowed, and the oldest go first', () => {
  const { watch } = watchOf({ keepRequests: 10 });
  for (let i = 0; i < 100; i++) watch.predicted('ann', `${i}`, [prediction('cat', 0.8)], 0);
  assert.equal(watch.report().kept, 10);
  assert.equal(label(watch, 'ann', { id: '89', labels: ['cat'] }, 0), 'unknown');
  assert.equal(label(watch, 'ann', { id: '90', labels: ['cat'] }, 0), 'accepted');
});

function feed(watch: FeedbackWatch, count: number, accuracy: number, seed: number): void {
  const random = seededRandom(seed);
  for (let i = 0; i < count; i++) {
    const id = `${seed}-${i}`;
    watch.predicted('ann', id, [prediction('cat', 0.9)], 0);
    label(watch, 'ann', { id, labels: [random() < accuracy ? 'cat' : 'dog'] }, 0);
    watch.settle();
  }
}

test('an accuracy below 95 % of the baseline raises one alert, and one more when it is back', () => {
  const { watch, events } = watchOf();
  feed(watch, 500, 0.93, 1);
  assert.deepEqual(events, []);
  feed(watch, 500, 0.7, 2);
  feed(watch, 700, 0.95, 3);
  const alerts = events.filter(({ kind }) => kind !== 'quality_changed').map(({ kind }) => kind);
  assert.deepEqual(alerts, ['quality_below_baseline', 'quality_recovered']);
  assert.ok(events.some(({ kind }) => kind === 'quality_changed'));
});

test('a few labels are no reason for an alert', () => {
  const { watch, events } = watchOf();
  feed(watch, 90, 0, 4);
  assert.deepEqual(events, []);
});

test('an error that rises above the baseline raises an alert as well', () => {
  const { watch, events } = watchOf({ baseline: { metric: 'mae', value: 1 } });
  for (let i = 0; i < 200; i++) {
    watch.predicted('ann', `${i}`, [{ kind: 'number', value: 2 }], 0);
    label(watch, 'ann', { id: `${i}`, labels: [0] }, 0);
    watch.settle();
  }
  assert.equal(events[0]?.kind, 'quality_below_baseline');
});

test('before labels come, accuracy is estimated by confidence; later by how right confidence was', () => {
  const { watch } = watchOf();
  for (let i = 0; i < 2000; i++) watch.predicted('ann', '', [prediction('cat', 0.9)], 0);
  near(watch.report().estimatedAccuracy, 0.9);
  feed(watch, 400, 0.7, 5);
  assert.ok(Math.abs((watch.report().estimatedAccuracy ?? 0) - 0.7) < 0.06);
});

test('an adaptive window forgets what was before a change, and seldom sees one where there is none', () => {
  const random = seededRandom(6);
  const window = new AdaptiveWindow();
  let falseAlarms = 0;
  for (let i = 0; i < 20_000; i++) if (window.add(random() < 0.1 ? 1 : 0) !== undefined) falseAlarms++;
  assert.ok(falseAlarms <= 1);
  let seenAfter = 0;
  for (let i = 1; i <= 1000 && seenAfter === 0; i++) {
    const change = window.add(random() < 0.3 ? 1 : 0);
    if (change !== undefined) seenAfter = i;
  }
  assert.ok(seenAfter > 0 && seenAfter < 400, `${seenAfter}`);
  for (let i = 0; i < 2000; i++) window.add(random() < 0.3 ? 1 : 0);
  assert.ok(Math.abs(window.mean - 0.3) < 0.04, `${window.mean}`);
});

test('errors of numbers that grow are seen as a change', () => {
  const { watch, events } = watchOf({ baseline: undefined });
  const normal = seededNormal(7);
  for (let i = 0; i < 1500; i++) {
    watch.predicted('ann', `${i}`, [{ kind: 'number', value: normal() * (i < 1000 ? 1 : 4) }], 0);
    label(watch, 'ann', { id: `${i}`, labels: [0] }, 0);
  }
  assert.equal(events.length > 0, true);
  assert.equal(watch.report().changes, events.length);
});

test('what clients send cannot fill the memory: long ids are not kept, long labels do not fit', () => {
  const { watch } = watchOf();
  watch.predicted('ann', 'x'.repeat(257), [prediction('cat', 0.8)], 0);
  assert.equal(watch.report().kept, 0);
  watch.predicted('ann', 'a', [prediction('cat', 0.8)], 0);
  assert.equal(label(watch, 'ann', { id: 'a', labels: ['y'.repeat(257)] }, 0), 'unfitting');
});

test('all outcomes are added up, for tests that compare versions', () => {
  const { watch } = watchOf();
  feed(watch, 700, 0, 8);
  assert.deepEqual(watch.report().total, { outcomes: 700, errors: 700 });
});
