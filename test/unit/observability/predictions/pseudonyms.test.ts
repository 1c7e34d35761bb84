import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  Pseudonyms,
  readKey,
  subjectPseudonym,
} from '../../../../src/observability/predictions/pseudonyms.ts';
import { TemporaryFolder } from '../../../support/temporary-folder.ts';

const key = Buffer.from('k'.repeat(32));

test('equal values have equal hashes within a period, in all servers with the same key', () => {
  const one = new Pseudonyms(key, 1000);
  const other = new Pseudonyms(key, 1000);
  assert.equal(one.hash(500, 'f', 'x'), other.hash(999, 'f', 'x'));
  assert.notEqual(one.hash(500, 'f', 'x'), new Pseudonyms(Buffer.from('other'), 1000).hash(500, 'f', 'x'));
});

test('the salt changes with the period, and hashes with it', () => {
  const pseudonyms = new Pseudonyms(key, 1000);
  const before = pseudonyms.hash(999, 'f', 'x');
  assert.notEqual(pseudonyms.hash(1000, 'f', 'x'), before);
  assert.equal(pseudonyms.hash(0, 'f', 'x'), before);
});

test('equal values of two features have different hashes', () => {
  const pseudonyms = new Pseudonyms(key, 1000);
  assert.notEqual(pseudonyms.hash(0, 'a', 'x'), pseudonyms.hash(0, 'b', 'x'));
});

test('a subject keeps its pseudonym through all periods', () => {
  assert.equal(new Pseudonyms(key, 1).subject('Anna'), subjectPseudonym(key, 'Anna'));
  assert.notEqual(subjectPseudonym(key, 'Anna'), subjectPseudonym(key, 'Anne'));
});

test('many bytes have the hash that they would have in pieces', async () => {
  const pseudonyms = new Pseudonyms(key, 1000);
  const large = Buffer.alloc(40_000, 7);
  const whole = await pseudonyms.hashBytes(0, [large]);
  assert.equal(await pseudonyms.hashBytes(0, [large.subarray(0, 20_000), large.subarray(20_000)]), whole);
  const small = await pseudonyms.hashBytes(0, [Buffer.from('ab')]);
  assert.equal(await pseudonyms.hashBytes(0, [Buffer.from('a'), Buffer.from('b')]), small);
  assert.match(whole, /^[\w-]{22}$/);
});

test('a key that can be guessed is refused, and not shown', () => {
  using folder = new TemporaryFolder();
  const path = folder.write('key', 'geheim');
  assert.throws(
    () => readKey(path),
    (error: Error) => /at least 32/.test(error.message) && !error.message.includes('geheim'),
  );
  assert.equal(readKey(folder.write('good', `${'x'.repeat(32)}\n`)).toString(), 'x'.repeat(32));
});
