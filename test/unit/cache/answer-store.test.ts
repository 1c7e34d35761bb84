import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import { AnswerStore, type StoredAnswer } from '../../../src/cache/answer-store.ts';

function keyOf(number: number): string {
  return hash('sha256', `${number}`, 'latin1').slice(0, 16);
}

function answer(overrides: Partial<StoredAnswer> = {}): StoredAnswer {
  return {
    digest: 'd',
    outputs: [],
    error: undefined,
    sizeBytes: 100,
    expiresAt: Infinity,
    costMs: 1,
    ...overrides,
  };
}

/** Every number, asked for once and kept where it was not found. */
function ask(store: AnswerStore, numbers: Iterable<number>): number {
  let hits = 0;
  for (const number of numbers) {
    const key = keyOf(number);
    if (store.get(key) === undefined) store.set(key, answer());
    else hits += 1;
  }
  return hits;
}

function* range(from: number, to: number): Iterable<number> {
  for (let number = from; number < to; number++) yield number;
}

test('an answer is found again, and another key finds nothing', () => {
  const store = new AnswerStore(100_000);
  const kept = answer();
  store.set(keyOf(1), kept);
  assert.equal(store.get(keyOf(1)), kept);
  assert.equal(store.get(keyOf(2)), undefined);
});

test('what is kept never exceeds its bytes, whatever the sizes', () => {
  const store = new AnswerStore(10_000);
  for (let number = 0; number < 5000; number++) {
    store.get(keyOf(number % 700));
    store.set(keyOf(number % 700), answer({ sizeBytes: 1 + ((number * 7919) % 3000) }));
    assert.ok(store.sizeBytes <= 10_000);
  }
  assert.ok(store.sizeBytes > 5000);
});

test('an answer larger than everything is not kept', () => {
  const store = new AnswerStore(10_000);
  store.set(keyOf(1), answer({ sizeBytes: 10_001 }));
  assert.equal(store.entries, 0);
});

test('what is asked for again and again outlives a stream of what is asked for once', () => {
  const store = new AnswerStore(10_000);
  for (let round = 0; round < 5; round++) ask(store, range(0, 50));
  ask(store, range(1000, 1700));
  assert.equal(ask(store, range(0, 50)), 50);
});

test('a large answer does not push out small ones that together were asked for more often', () => {
  const store = new AnswerStore(10_000);
  for (let round = 0; round < 2; round++) ask(store, range(0, 98));
  store.get(keyOf(500));
  store.get(keyOf(500));
  store.get(keyOf(500));
  store.set(keyOf(500), answer({ sizeBytes: 5000 }));
  assert.equal(store.get(keyOf(500)), undefined);
  assert.ok(ask(store, range(0, 98)) >= 97);
});

test('the answers of one model go without those of another, and its part is told', () => {
  const store = new AnswerStore(100_000);
  store.set(keyOf(1), answer());
  store.set(keyOf(2), answer({ sizeBytes: 50 }));
  store.set(keyOf(3), answer({ digest: 'other' }));
  assert.deepEqual(store.part('d'), { entries: 2, sizeBytes: 150 });
  store.deleteAll('d');
  assert.deepEqual(store.part('d'), { entries: 0, sizeBytes: 0 });
  assert.equal(store.get(keyOf(1)), undefined);
  assert.notEqual(store.get(keyOf(3)), undefined);
  assert.equal(store.sizeBytes, 100);
});

test('an answer that is kept anew replaces the one before it', () => {
  const store = new AnswerStore(100_000);
  store.set(keyOf(1), answer({ sizeBytes: 700 }));
  store.set(keyOf(1), answer({ sizeBytes: 300 }));
  assert.deepEqual(store.part('d'), { entries: 1, sizeBytes: 300 });
});
