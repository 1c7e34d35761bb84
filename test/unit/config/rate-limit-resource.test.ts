import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRateLimitResource } from '../../../src/config/rate-limit-resource.ts';

for (const [text, resource] of [
  ['memory:4', { name: 'memory', count: 4, deviceId: undefined }],
  ['R1:0:2', { name: 'R1', count: 0, deviceId: 2 }],
  ['a b:12:0', { name: 'a b', count: 12, deviceId: 0 }],
  ['memory', undefined],
  ['memory:4:', undefined],
  ['memory:99999999999', undefined],
] as const) {
  test(`the resource '${text}' is ${JSON.stringify(resource)}`, () => {
    assert.deepEqual(parseRateLimitResource(text), resource);
  });
}
