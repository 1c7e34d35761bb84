import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareOptions } from '../../../src/config/compare.ts';
import { resolveOptions } from '../../../src/config/load.ts';

test('equal configurations differ in nothing', () => {
  const options = resolveOptions({ models: { repositories: ['a'] } });
  assert.deepEqual(compareOptions(options, resolveOptions({ models: { repositories: ['a'] } })), {
    live: [],
    restart: [],
  });
});

test('what may change while the server runs is told apart from what needs a restart', () => {
  const before = resolveOptions({ models: { repositories: ['a'] } });
  const after = resolveOptions({
    models: { repositories: ['a', 'b'], placement: 'thread' },
    log: { level: 'warn' },
    server: { exitTimeoutSecs: 5 },
    metrics: { port: 0 },
  });
  const { live, restart } = compareOptions(before, after);
  assert.deepEqual(live, [
    { setting: 'models.placement', from: 'auto', to: 'thread' },
    { setting: 'server.exitTimeoutSecs', from: 30, to: 5 },
    { setting: 'log.level', from: 'info', to: 'warn' },
  ]);
  assert.deepEqual(
    restart.map(({ setting }) => setting),
    ['models.repositories', 'metrics.port'],
  );
});

test('secrets in values are masked, names of files are not', () => {
  const before = resolveOptions({ models: { repositories: ['a'] } });
  const after = resolveOptions({
    models: { repositories: ['s3://key:secret@host/bucket'] },
    security: { apiKeysFile: '/etc/keys.yaml' },
    grpc: { tls: { enabled: true, key: '/etc/tls.key', cert: '/etc/tls.crt' } },
  });
  const shown = JSON.stringify(compareOptions(before, after));
  assert.ok(!shown.includes('secret'));
  assert.ok(shown.includes('s3://[masked]@host/bucket'));
  assert.ok(shown.includes('/etc/keys.yaml') && shown.includes('/etc/tls.key'));
});
