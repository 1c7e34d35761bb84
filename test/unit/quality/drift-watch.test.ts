import assert from 'node:assert/strict';
import { test } from 'node:test';
import { profileColumn, profileNumbers } from '../../../src/quality/build-profile.ts';
import { DriftWatch, type DriftWindow } from '../../../src/quality/drift-watch.ts';
import type { FeatureProfile } from '../../../src/quality/profile.ts';
import { seededNormal, seededRandom } from '../../support/seeded-random.ts';

interface Watched {
  readonly watch: DriftWatch;
  readonly windows: readonly DriftWindow[];
}

function watchOf(reference: readonly FeatureProfile[], windowRows: number): Watched {
  const windows: DriftWindow[] = [];
  const watch = new DriftWatch({
    reference,
    windowMs: 0,
    windowRows,
    nowMs: 0,
    onWindow: (window) => windows.push(window),
  });
  return { watch, windows };
}

/** Values whose correlation with the one before is `phi`. */
function autoregressive(phi: number, seed: number): () => number {
  const normal = seededNormal(seed);
  let last = normal();
  return () => (last = phi * last + Math.sqrt(1 - phi * phi) * normal());
}

const alarms = (windows: readonly DriftWindow[]): number =>
  windows.filter(({ features }) => features.some(({ drifted }) => drifted)).length;

test('clean traffic whose neighbours resemble each other (AR(1), phi 0.9) alarms in under 5 % of 100 windows', () => {
  const reference = autoregressive(0.9, 1);
  const profile = Array.from({ length: 5 }, (_, i) =>
    profileNumbers(
      `f${i}`,
      Array.from({ length: 10_000 }, () => reference()),
    ),
  );
  const { watch, windows } = watchOf(profile, 1000);
  const streams = profile.map((_, i) => autoregressive(0.9, 100 + i));
  for (let row = 0; row < 100_000; row++) {
    for (const [i, feature] of watch.features.entries()) feature.addNumber(streams[i]?.() ?? 0);
    watch.endRow(row);
  }
  assert.equal(windows.length, 100);
  assert.ok(alarms(windows) < 5, `${alarms(windows)} alarms`);
});

test('half a standard deviation in one of 50 features is alarmed within two windows, and no other feature is', () => {
  const normal = seededNormal(2);
  const profile = Array.from({ length: 50 }, (_, i) =>
    profileNumbers(
      `f${i}`,
      Array.from({ length: 10_000 }, () => normal()),
    ),
  );
  const { watch, windows } = watchOf(profile, 1000);
  for (let row = 0; row < 5000; row++) {
    const shift = row >= 3000 ? 0.5 : 0;
    for (const [i, feature] of watch.features.entries()) feature.addNumber(normal() + (i === 17 ? shift : 0));
    watch.endRow(row);
  }
  assert.equal(alarms(windows.slice(0, 4)), 0);
  const drifted = windows[4]?.features.filter((feature) => feature.drifted) ?? [];
  assert.deepEqual(
    drifted.map(({ name }) => name),
    ['f17'],
  );
  assert.equal(windows[4]?.drifted, false);
  assert.equal(windows[4]?.driftedShare, 0.02);
});

function single(profile: FeatureProfile, add: (watch: DriftWatch, row: number) => void): DriftWindow {
  const { watch, windows } = watchOf([profile], 1000);
  for (let row = 0; row < 2000; row++) {
    add(watch, row);
    watch.endRow(row);
  }
  const last = windows.at(-1);
  assert.ok(last !== undefined);
  return last;
}

const normalProfile = (() => {
  const normal = seededNormal(3);
  return profileNumbers(
    'x',
    Array.from({ length: 5000 }, () => normal()),
  );
})();

test('a feature that is stuck at one value has drifted', () => {
  const { features } = single(normalProfile, (watch) => watch.features[0]?.addNumber(0.1));
  assert.equal(features[0]?.drifted, true);
});

test('a feature whose values are missing has drifted', () => {
  const normal = seededNormal(4);
  const { features } = single(normalProfile, (watch, row) =>
    watch.features[0]?.addNumber(row % 5 === 0 ? Number.NaN : normal()),
  );
  assert.equal(features[0]?.drifted, true);
  assert.equal(features[0]?.missingShare, 0.2);
});

test('values beyond all of the reference are counted beyond it', () => {
  const { features } = single(normalProfile, (watch) => watch.features[0]?.addNumber(1e9));
  assert.equal(features[0]?.counts.at(-1), 1000);
  assert.equal(features[0]?.distance, 1);
});

test('a change that is certain and too small to matter raises no alarm', () => {
  const normal = seededNormal(5);
  const { watch, windows } = watchOf([normalProfile], 50_000);
  for (let row = 0; row < 100_000; row++) {
    watch.features[0]?.addNumber(normal() + 0.1);
    watch.endRow(row);
  }
  const [feature] = windows.at(-1)?.features ?? [];
  assert.ok((feature?.pValue ?? 1) < 1e-6);
  assert.equal(feature?.exceeds, false);
});

test('categories that were rare and are frequent now have drifted, and new ones count as others', () => {
  const random = seededRandom(6);
  const colours = Array.from({ length: 3000 }, () => (random() < 0.9 ? 'red' : 'blue'));
  const { features, drifted } = single(profileColumn('colour', colours), (watch) =>
    watch.features[0]?.addCategory(random() < 0.5 ? 'red' : random() < 0.5 ? 'blue' : 'green'),
  );
  assert.equal(features[0]?.drifted, true);
  assert.ok((features[0]?.counts[2] ?? 0) > 150);
  assert.equal(drifted, true);
});

test('the same categories as ever have not drifted', () => {
  const random = seededRandom(7);
  const colour = (): string => (random() < 0.9 ? 'red' : 'blue');
  const profile = profileColumn('colour', Array.from({ length: 3000 }, colour));
  const { features } = single(profile, (watch) => watch.features[0]?.addCategory(colour()));
  assert.equal(features[0]?.drifted, false);
});

test('one window is not enough', () => {
  const { watch, windows } = watchOf([normalProfile], 1000);
  for (let row = 0; row < 1000; row++) {
    watch.features[0]?.addNumber(3);
    watch.endRow(row);
  }
  assert.equal(windows[0]?.features[0]?.exceeds, true);
  assert.equal(windows[0]?.features[0]?.drifted, false);
});

test('a window lasts until it has enough rows and enough time has passed', () => {
  const windows: DriftWindow[] = [];
  const watch = new DriftWatch({
    reference: [normalProfile],
    windowMs: 100,
    windowRows: 10,
    nowMs: 0,
    onWindow: (window) => windows.push(window),
  });
  for (let row = 1; row <= 20; row++) watch.endRow(row);
  assert.equal(windows.length, 0);
  assert.equal(watch.rows, 20);
  watch.endRow(100);
  assert.deepEqual([windows.length, watch.rows, windows[0]?.fromMs, windows[0]?.toMs], [1, 0, 0, 100]);
});
