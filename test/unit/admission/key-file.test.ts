import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { test } from 'node:test';
import { keyDigest, readKeyFile } from '../../../src/admission/key-file.ts';
import { ServingError } from '../../../src/errors.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

const secret = 'sixteen-letters-and-more';

function refusal(content: string): string {
  using folder = new TemporaryFolder();
  const path = folder.write('keys.yaml', content);
  try {
    readKeyFile(path);
  } catch (error) {
    assert.ok(error instanceof ServingError && error.code === 'failed_precondition');
    assert.ok(!error.message.includes(secret), 'the message shows a key');
    return error.message;
  }
  return 'accepted';
}

test('keys are given as text or as their sha256, in YAML or JSON', () => {
  using folder = new TemporaryFolder();
  const yaml = folder.write(
    'a.yaml',
    `keys:\n  - {principal: a, key: ${secret}, scopes: [infer, admin], weight: 2}\n`,
  );
  const json = folder.write(
    'b.json',
    JSON.stringify({ keys: [{ principal: 'b', sha256: keyDigest(secret).toUpperCase() }] }),
  );
  const a = readKeyFile(yaml).table.get(keyDigest(secret));
  assert.deepEqual(a, { name: 'a', scopes: new Set(['infer', 'admin']), weight: 2 });
  const b = readKeyFile(json).table.get(keyDigest(secret));
  assert.deepEqual(b, { name: 'b', scopes: new Set(['infer']), weight: 1 });
});

const wrong: readonly (readonly [string, string, RegExp])[] = [
  ['a short key', 'keys: [{principal: a, key: short}]', /keys\.0\.key/],
  ['no key at all', 'keys: [{principal: a}]', /exactly one of key and sha256/],
  [
    'both forms of a key',
    `keys: [{principal: a, key: ${secret}, sha256: ${'ab'.repeat(32)}}]`,
    /exactly one of key and sha256/,
  ],
  ['a hash that is none', 'keys: [{principal: a, sha256: xyz}]', /64 hexadecimal digits/],
  ['an unknown scope', `keys: [{principal: a, key: ${secret}, scopes: [root]}]`, /keys\.0\.scopes\.0/],
  ['an unknown field', `keys: [{principal: a, key: ${secret}, role: x}]`, /role/],
  ['a weight of nothing', `keys: [{principal: a, key: ${secret}, weight: 0}]`, /keys\.0\.weight/],
  [
    'the same key twice',
    `keys: [{principal: a, key: ${secret}}, {principal: b, key: ${secret}}]`,
    /keys\.1: the key is there twice/,
  ],
  ['no list', 'principal: a', /keys/],
  ['broken YAML', `keys: [${secret}\n: {`, /is not valid YAML/],
];

for (const [what, content, expected] of wrong) {
  test(`a file with ${what} is refused`, () => assert.match(refusal(content), expected));
}

test('a missing file is refused', () => {
  assert.throws(() => readKeyFile('/nowhere/keys.yaml'), /cannot be read \(ENOENT\)/);
});

test('a file that every user can read is noticed', () => {
  using folder = new TemporaryFolder();
  const path = folder.write('keys.yaml', 'keys: []');
  chmodSync(path, 0o644);
  assert.equal(readKeyFile(path).worldReadable, true);
  chmodSync(path, 0o600);
  assert.equal(readKeyFile(path).worldReadable, false);
});
