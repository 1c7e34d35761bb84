import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Allowance } from '../../../../src/observability/tracing/allowance.ts';

function taken(allowance: Allowance, nowMs: number, tries: number): number {
  let count = 0;
  for (let at = 0; at < tries; at++) if (allowance.take(nowMs)) count += 1;
  return count;
}

test('so many may be taken at once, and so many a second afterwards', () => {
  const allowance = new Allowance(20);
  assert.equal(taken(allowance, 0, 100), 20);
  assert.equal(taken(allowance, 49, 1), 0);
  assert.equal(taken(allowance, 500, 100), 10);
  assert.equal(taken(allowance, 1e6, 100), 20);
});
