import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodePayload,
  encodePayload,
} from '../../../../../../src/transport/http/dialects/plain/task-payload.ts';

test('what is asked comes back with its body, whatever that is', () => {
  const path = { model: 'a"\n', version: '2', repository: '', region: '', label: '' };
  const asked = { path, form: 'batch', body: Buffer.from([0, 10, 255, 10]) } as const;
  assert.deepEqual(decodePayload(encodePayload(asked)), asked);
});

for (const text of [
  '',
  '{',
  '[]\n',
  '{"model":1,"version":"","form":"single"}\n',
  '{"model":"","version":""}\n',
]) {
  test(`${JSON.stringify(text)} is the task of another release`, () => {
    assert.throws(() => decodePayload(Buffer.from(text)), { code: 'internal', message: /another release/ });
  });
}
