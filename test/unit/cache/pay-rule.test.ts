import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PayRule } from '../../../src/cache/pay-rule.ts';

const lookupMs = 0.004;
const insertMs = 0.001;

interface Load {
  readonly computeMs: number;
  /** Every how many requests one is found; 0 for none. */
  readonly hitEvery: number;
}

/** Requests that come one after the other; @returns how many were looked up. */
function serve(rule: PayRule, requests: number, { computeMs, hitEvery }: Load): number {
  let looks = 0;
  for (let number = 1; number <= requests; number++) {
    if (!rule.worthLooking()) continue;
    looks += 1;
    const hit = hitEvery > 0 && number % hitEvery === 0;
    rule.looked(lookupMs, hit ? 1 : 0);
    if (hit) continue;
    rule.kept(insertMs);
    rule.computed(computeMs);
  }
  return looks;
}

test('a model that costs milliseconds is looked up even if few requests are found', () => {
  const rule = new PayRule(3);
  assert.equal(serve(rule, 20_000, { computeMs: 3, hitEvery: 50 }), 20_000);
  assert.equal(rule.pays, true);
});

test('a model that costs less than hashing its input is given up after 64 requests', () => {
  const rule = new PayRule(0.005);
  assert.equal(serve(rule, 1000, { computeMs: 0.005, hitEvery: 2 }), 64);
  assert.equal(rule.pays, false);
});

test('a cheap model is kept while half of its requests are found', () => {
  const rule = new PayRule(0.034);
  serve(rule, 10_000, { computeMs: 0.034, hitEvery: 2 });
  assert.equal(rule.pays, true);
});

test('a cheap model is given up after a window in which few were found', () => {
  const rule = new PayRule(0.034);
  assert.equal(serve(rule, 10_000, { computeMs: 0.034, hitEvery: 10 }), 4096);
  assert.equal(rule.pays, false);
  assert.ok(Math.abs(rule.hitRatio - 0.1) < 0.01);
});

test('a model that was given up is tried again, each time after a longer rest', () => {
  const rule = new PayRule(0.005);
  const load = { computeMs: 0.005, hitEvery: 2 };
  assert.equal(serve(rule, 64 + 65_535, load), 64);
  assert.equal(serve(rule, 64, load), 64);
  assert.equal(serve(rule, 131_071, load), 0);
  assert.equal(serve(rule, 1, load), 1);
});

test('what was given up pays again once its requests repeat', () => {
  const rule = new PayRule(0.034);
  serve(rule, 5000, { computeMs: 0.034, hitEvery: 0 });
  assert.equal(rule.pays, false);
  serve(rule, 65_536 + 8192, { computeMs: 0.034, hitEvery: 1 });
  assert.equal(rule.pays, true);
});

test('while nothing is known of what computing costs, requests are looked up', () => {
  const rule = new PayRule(0);
  for (let look = 0; look < 10_000; look++) rule.looked(lookupMs, 0);
  assert.equal(rule.pays, true);
});

test('what real requests cost counts for more than what zeros did', () => {
  const rule = new PayRule(0.001);
  rule.computed(30);
  assert.equal(rule.computeMs, 30);
});

test('nothing is given up before some requests were computed', () => {
  const rule = new PayRule(0.001);
  for (let look = 0; look < 1000; look++) rule.looked(lookupMs, 1);
  assert.equal(rule.pays, true);
});

test('one interrupted look-up does not decide', () => {
  const rule = new PayRule(1);
  serve(rule, 63, { computeMs: 1, hitEvery: 2 });
  rule.looked(500, 1);
  assert.equal(rule.pays, true);
});
