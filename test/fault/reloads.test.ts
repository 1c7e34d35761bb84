import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reloadUnderLoad } from '../load/reloads.ts';

for (const [where, args] of [
  ['on the main thread', []],
  ['on I/O threads', ['--io-threads', '2']],
  ['in processes of their own', ['--isolation', 'process']],
] as const) {
  test(`models ${where} are loaded anew and scaled, and the configuration is read again, without a failed request`, async () => {
    const outcome = await reloadUnderLoad({ modelReloads: 12, configReloads: 6, args });
    assert.deepEqual(outcome.failures, []);
    assert.ok(outcome.answered > 50, `${outcome.answered}`);
  });
}
