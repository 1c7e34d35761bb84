import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CostBook } from '../../../src/batching/cost-book.ts';

test('costs are found again by the digest of the model', () => {
  const book = new CostBook();
  book.of('a', 8).table(3).observe(8, 5);
  assert.equal(book.of('a', 8).table(3).estimateMs(8), 5);
  assert.equal(book.of('b', 8).table(3).estimateMs(8), 0);
});

test('size classes are learned apart', () => {
  const costs = new CostBook().of('a', 8);
  costs.table(3).observe(8, 5);
  assert.equal(costs.table(9).estimateMs(8), 0);
});

test('exported costs can be imported before and after their model is used', () => {
  const learned = new CostBook();
  learned.of('a', 8).table(3).observe(8, 5);
  learned.of('b', 8).table(3).observe(8, 7);
  const fresh = new CostBook();
  const early = fresh.of('a', 8);
  fresh.import(learned.export());
  assert.equal(early.table(3).estimateMs(8), 5);
  assert.equal(fresh.of('b', 8).table(3).estimateMs(8), 7);
});

test('the model unused for longest is forgotten when there are too many', () => {
  const book = new CostBook();
  book.of('first', 8).table(0).observe(8, 5);
  for (let i = 0; i < 256; i++) book.of(`m${i}`, 8);
  assert.equal(book.of('first', 8).table(0).estimateMs(8), 0);
});
