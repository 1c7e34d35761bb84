import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { VersionPolicyConfig } from '../../../src/models/config.ts';
import { chooseVersions, compareVersions, isVersion } from '../../../src/models/version-policy.ts';

const there = ['1', '2', '5', '10'];

const policies: readonly (readonly [string, VersionPolicyConfig | undefined, readonly string[]])[] = [
  ['no policy', undefined, ['10']],
  ['latest without a number', { latest: { num_versions: 0 } }, ['10']],
  ['the latest two', { latest: { num_versions: 2 } }, ['5', '10']],
  ['more than there are', { latest: { num_versions: 9 } }, there],
  ['all', { all: {} }, there],
  ['specific ones, in any order', { specific: { versions: [10, 2] } }, ['2', '10']],
  ['specific ones that are not there', { specific: { versions: [3] } }, []],
];

for (const [title, policy, chosen] of policies) {
  test(`${title} chooses ${chosen.join(', ') || 'none'}`, () => {
    assert.deepEqual(chooseVersions(policy, there), chosen);
  });
}

test('without versions no policy chooses one', () => {
  for (const [, policy] of policies) assert.deepEqual(chooseVersions(policy, []), []);
});

test('versions are integers of 1 or more, as int64 holds them, without leading zeros', () => {
  for (const name of ['1', '10', '20261121060000', '9223372036854775807']) assert.ok(isVersion(name), name);
  for (const name of ['0', '01', '-1', '+1', '1.0', '1e3', '', ' 1', '1 ', '٣', '9223372036854775808']) {
    assert.ok(!isVersion(name), name);
  }
});

test('versions are ordered as their numbers', () => {
  const number = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n });
  fc.assert(
    fc.property(number, number, (a, b) => {
      const expected = a < b ? -1 : Number(a > b);
      assert.equal(Math.sign(compareVersions(String(a), String(b))), expected);
    }),
  );
});
