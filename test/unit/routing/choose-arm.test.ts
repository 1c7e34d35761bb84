import assert from 'node:assert/strict';
import { test } from 'node:test';
import { armOfBucket, bucketOfKey, seedOf } from '../../../src/routing/choose-arm.ts';

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
