import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { cipherKey, openValue, sealValue } from '../../../src/cache/value-cipher.ts';

const key = cipherKey(randomBytes(32));
const value = Buffer.from('an answer to keep from others');

test('what was sealed is opened with the same key, among others too', () => {
  const sealed = sealValue(key, 'name', value);
  assert.deepEqual(openValue([key], 'name', sealed), value);
  assert.deepEqual(openValue([cipherKey(randomBytes(32)), key], 'name', sealed), value);
  assert.equal(sealed.includes(value.subarray(0, 5)), false);
});

test('the same value is sealed differently each time', () => {
  assert.notDeepEqual(sealValue(key, 'name', value), sealValue(key, 'name', value));
});

test('it is nothing with another key, under another name, and where any byte of it has changed', () => {
  const sealed = sealValue(key, 'name', value);
  assert.equal(openValue([cipherKey(randomBytes(32))], 'name', sealed), undefined);
  assert.equal(openValue([key], 'another', sealed), undefined);
  for (let at = 0; at < sealed.length; at++) {
    const damaged = Buffer.from(sealed);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    assert.equal(openValue([key], 'name', damaged), undefined, `byte ${at}`);
  }
  for (let length = 0; length < sealed.length; length++) {
    assert.equal(openValue([key], 'name', sealed.subarray(0, length)), undefined, `${length} bytes`);
  }
});

test('what was never sealed is nothing', () => {
  assert.equal(openValue([key], 'name', value), undefined);
  assert.equal(openValue([key], 'name', randomBytes(100)), undefined);
});
