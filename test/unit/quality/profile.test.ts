import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binOf, profileColumn, profileNumbers } from '../../../src/quality/build-profile.ts';
import { driftPage } from '../../../src/quality/drift-page.ts';
import { DriftWatch } from '../../../src/quality/drift-watch.ts';
import { binLabels, profileSchema } from '../../../src/quality/profile.ts';

test('each of twenty quantiles holds as many values, and what is beyond is counted apart', () => {
  const { edges, counts, mean } = profileNumbers(
    'x',
    Array.from({ length: 1000 }, (_, i) => i),
  );
  assert.equal(edges.length, 21);
  assert.deepEqual(counts, [0, ...Array.from({ length: 20 }, () => 50), 0]);
  assert.equal(mean, 499.5);
  assert.deepEqual(
    [-1, 0, 49, 50, 999, 1000].map((value) => binOf(edges, value)),
    [0, 1, 1, 2, 20, 21],
  );
});

test('a feature with few values has few bins, one that is always the same has one, and NaN is missing', () => {
  assert.equal(profileNumbers('x', [0, 1, 0, 1, 1]).edges.length, 2);
  const constant = profileNumbers('x', [7, 7, Number.NaN]);
  assert.deepEqual([constant.counts, constant.missing], [[0, 2, 0], 1]);
  assert.equal(profileNumbers('x', []).counts.length, 3);
});

test('the rarest of many categories are counted together', () => {
  const values = Array.from({ length: 60 }, (_, i) => Array.from({ length: i + 1 }, () => `c${i}`)).flat();
  const profile = profileColumn('x', values);
  assert.equal(profile.kind === 'category' && profile.values.length, 50);
  assert.equal(profile.counts.at(-1), 55);
  assert.equal(binLabels(profile).at(-1), 'others');
});

test('profiles that contradict themselves are none', () => {
  const feature = profileNumbers('x', [1, 2, 3]);
  const file = (change: object) => ({
    format: 'tensorgate-profile-1',
    features: [{ ...feature, ...change }],
  });
  assert.equal(profileSchema.safeParse(file({})).success, true);
  for (const change of [
    { counts: [1] },
    { edges: [3, 2, 1] },
    { kind: 'other' },
    { deviation: -1 },
    { more: 1 },
  ]) {
    assert.equal(profileSchema.safeParse(file(change)).success, false, JSON.stringify(change));
  }
});

test('the page shows names and categories as text, whatever is in them', () => {
  const hostile = '<img src=x onerror=alert(1)>"\'&';
  const watch = new DriftWatch({
    reference: [profileColumn(hostile, [hostile, 'b', 'b'])],
    windowMs: 0,
    windowRows: 2,
    nowMs: 0,
    onWindow: () => undefined,
  });
  for (let row = 0; row < 2; row++) {
    watch.features[0]?.addCategory(hostile);
    watch.endRow(row);
  }
  const side = { reference: undefined, rows: 0, window: watch.last };
  const page = driftPage(hostile, [
    {
      model: 'm',
      version: hostile,
      feedback: undefined,
      inputs: side,
      answers: undefined,
      embeddings: [],
      failures: 1,
      dropped: 0,
    },
  ]);
  assert.ok(!page.includes('<img'));
  assert.ok(!page.includes('<script'));
  assert.match(page, /&lt;img src=x onerror=alert\(1\)&gt;&quot;&#39;&amp;/);
});
