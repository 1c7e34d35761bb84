import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeBreakers } from '../../../src/io-threads/merge-breakers.ts';
import { buildBreakerReading } from '../../support/build-reading.ts';

const closed = buildBreakerReading({ opened: 1, cause: 'hang', hungRuns: 1 });
const open = buildBreakerReading({ state: 'open', opened: 2, cause: 'losses', opensForMs: 700 });
const halfOpen = buildBreakerReading({ state: 'half_open', opened: 3, cause: 'probe' });

test('of several threads the worst state is told, with sums', () => {
  const expected = { state: 'open', cause: 'losses', opened: 3, opensForMs: 700, hungRuns: 1 };
  assert.deepEqual(mergeBreakers(closed, open), expected);
  assert.deepEqual(mergeBreakers(open, closed), expected);
  assert.equal(mergeBreakers(closed, halfOpen).state, 'half_open');
  assert.equal(mergeBreakers(halfOpen, open).state, 'open');
});
