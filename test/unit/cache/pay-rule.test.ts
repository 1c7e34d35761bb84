import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PayRule } from '../../../src/cache/pay-rule.ts';

interface Costs {
  readonly lookupMs: number;
  readonly insertMs?: number;
  /** Every how many requests one is found; 0 for none. */
  readonly hitEvery: number;
}

/** Requests that come one after the other; @returns how many were looked up. */
function serve(rule: PayRule, requests: number, { lookupMs, insertMs = 0.001, hitEvery }: Costs): number {
  let looks = 0;
  for (let number = 1; number <= requests; number++) {
    if (!rule.worthLooking()) continue;
    looks += 1;
    const hit = hitEvery > 0 && number % hitEvery === 0;
    rule.looked(lookupMs, hit ? 'hit' : 'miss');
    if (!hit) rule.kept(insertMs);
  }
  return looks;
}

test('a model that costs milliseconds is looked up even if few requests are found', () => {
  const rule = new PayRule(3);
  assert.equal(serve(rule, 20_000, { lookupMs: 0.005, hitEvery: 50 }), 20_000);
  assert.equal(rule.pays, true);
});

test('a model that costs less than hashing its input is given up after 64 requests', () => {
  const rule = new PayRule(0.005);
  assert.equal(serve(rule, 1000, { lookupMs: 0.004, hitEvery: 1 }), 64);
  assert.equal(rule.pays, false);
});

test('a cheap model is kept while most of its requests are found, and given up after a window when few are', () => {
  const often = new PayRule(0.034);
  serve(often, 10_000, { lookupMs: 0.004, hitEvery: 2 });
  assert.equal(often.pays, true);
  const seldom = new PayRule(0.034);
  serve(seldom, 10_000, { lookupMs: 0.004, hitEvery: 10 });
  assert.equal(seldom.pays, false);
  assert.ok(Math.abs(seldom.hitRatio - 0.1) < 0.01);
});

test('a model that was given up is tried again, each time after a longer rest', () => {
  const rule = new PayRule(0.005);
  const costs = { lookupMs: 0.004, hitEvery: 1 };
  assert.equal(serve(rule, 64 + 65_535, costs), 64);
  assert.equal(serve(rule, 64, costs), 64);
  assert.equal(serve(rule, 131_071, costs), 0);
  assert.equal(serve(rule, 1, costs), 1);
});

test('what was given up pays again when its inputs become worth it', () => {
  const rule = new PayRule(0.034);
  serve(rule, 5000, { lookupMs: 0.004, hitEvery: 0 });
  assert.equal(rule.pays, false);
  serve(rule, 65_536 + 8192, { lookupMs: 0.004, hitEvery: 1 });
  assert.equal(rule.pays, true);
});

test('while nothing is known of what computing costs, requests are looked up', () => {
  const rule = new PayRule(0);
  assert.equal(serve(rule, 10_000, { lookupMs: 0.004, hitEvery: 0 }), 10_000);
});

test('one interrupted look-up does not decide', () => {
  const rule = new PayRule(1);
  serve(rule, 63, { lookupMs: 0.004, hitEvery: 1 });
  rule.looked(500, 'hit');
  assert.equal(rule.pays, true);
});
