import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import { FrequencySketch } from '../../../src/cache/frequency-sketch.ts';

function keyOf(number: number): string {
  return hash('sha256', `${number}`, 'latin1').slice(0, 16);
}

function countTimes(sketch: FrequencySketch, key: string, times: number): void {
  for (let time = 0; time < times; time++) sketch.count(key, 10_000);
}

test('a key is estimated at what it was counted, and one never seen at nothing', () => {
  const sketch = new FrequencySketch(1000);
  countTimes(sketch, keyOf(1), 1);
  countTimes(sketch, keyOf(2), 7);
  assert.deepEqual(
    [keyOf(1), keyOf(2), keyOf(3)].map((key) => sketch.estimate(key)),
    [1, 7, 0],
  );
});

test('a counter stays at 15 however often its key comes', () => {
  const sketch = new FrequencySketch(1000);
  countTimes(sketch, keyOf(1), 200);
  assert.equal(sketch.estimate(keyOf(1)), 15);
});

test('an estimate is never below the truth, whatever else is counted', () => {
  const sketch = new FrequencySketch(1000);
  for (let number = 0; number < 3000; number++) sketch.count(keyOf(number), 10_000);
  for (let number = 0; number < 3000; number++) assert.ok(sketch.estimate(keyOf(number)) >= 1);
});

test('all counts are halved once ten times as many keys came as there are entries', () => {
  const sketch = new FrequencySketch(1000);
  for (let time = 0; time < 8; time++) sketch.count(keyOf(1), 200);
  for (let number = 0; number < 1991; number++) sketch.count(keyOf(100 + (number % 500)), 200);
  assert.equal(sketch.estimate(keyOf(1)), 8);
  sketch.count(keyOf(100), 200);
  assert.equal(sketch.estimate(keyOf(1)), 4);
});
