import assert from 'node:assert/strict';
import { test } from 'node:test';
import { armOfBucket, armOfKey, bucketOfKey, seedOf, seedOfArm } from '../../../src/routing/choose-arm.ts';

const users = Array.from({ length: 20_000 }, (_, index) => `user-${index}`);

function armsOf(weight: number): { weight: number }[] {
  return [{ weight: 10_000 - weight }, { weight }];
}

test('nobody leaves the second arm while its weight grows, and nobody else moves', () => {
  const seed = seedOf('rollout-1');
  let before = new Set<string>();
  for (const weight of [0, 1, 100, 500, 2500, 5000, 9999, 10_000]) {
    const inside = new Set(
      users.filter((user) => armOfBucket(armsOf(weight), bucketOfKey(user, seed)) === 1),
    );
    assert.ok([...before].every((user) => inside.has(user)));
    before = inside;
  }
  assert.equal(before.size, users.length);
});

for (const weight of [100, 1000, 5000]) {
  test(`a weight of ${weight} is that part of the users`, () => {
    const seed = seedOf('rollout-2');
    const inside = users.filter((user) => armOfBucket(armsOf(weight), bucketOfKey(user, seed)) === 1).length;
    const expected = (users.length * weight) / 10_000;
    const deviation = Math.sqrt(expected * (1 - weight / 10_000));
    assert.ok(Math.abs(inside - expected) < 4 * deviation, `${inside} of ${expected}`);
  });
}

test('experiments with different salts divide the same users independently', () => {
  const [first, second] = [seedOf('a'), seedOf('b')];
  const both = users.filter(
    (user) => bucketOfKey(user, first) < 5000 && bucketOfKey(user, second) < 5000,
  ).length;
  assert.ok(Math.abs(both - users.length / 4) < 4 * Math.sqrt(users.length * 0.1875), String(both));
});

test('each of several arms has its own buckets, and the first has the rest', () => {
  const arms = [{ weight: 4000 }, { weight: 1000 }, { weight: 5000 }];
  assert.deepEqual(
    [0, 999, 1000, 5999, 6000, 9999].map((bucket) => armOfBucket(arms, bucket)),
    [1, 1, 2, 2, 0, 0],
  );
});

test('a key is hashed by its first 256 characters, however long a client makes it', () => {
  const long = 'x'.repeat(256);
  assert.equal(bucketOfKey(`${long}a`, 3), bucketOfKey(`${long}b`.repeat(1000), 3));
});

const labels = ['v1', 'v2', 'v3', 'v4'];
const keys = Array.from({ length: 20_000 }, (_, user) => `user-${user}`);

function drawnArms(weights: readonly number[]) {
  return weights.map((weight, arm) => ({ weight, seed: seedOfArm(labels[arm] ?? '', seedOf('salt')) }));
}

test('of many arms each has its part of the keys, and one without any has none', () => {
  const weights = [5000, 3000, 2000, 0];
  const arms = drawnArms(weights);
  const counts = weights.map(() => 0);
  for (const key of keys) counts[armOfKey(arms, key)]! += 1;
  for (const [arm, weight] of weights.entries()) {
    assert.ok(Math.abs(counts[arm]! / keys.length - weight / 10_000) < 0.015, counts.join(' '));
  }
  assert.equal(counts[3], 0);
});

test('when weights of many arms move, keys go only to arms that have grown in proportion to theirs', () => {
  const before = drawnArms([4000, 3000, 2000, 1000]);
  const after = drawnArms([3000, 4500, 1500, 1000]);
  let moved = 0;
  for (const key of keys) {
    const from = armOfKey(before, key);
    const to = armOfKey(after, key);
    if (from === to) continue;
    moved += 1;
    const grew = (arm: number): number => after[arm]!.weight / before[arm]!.weight;
    assert.ok(grew(to) > grew(from), `${from} to ${to}`);
  }
  // What had to move is 15 %.
  assert.ok(moved / keys.length > 0.14 && moved / keys.length < 0.19, String(moved));
});
