import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import type { RedisPlace } from '../../../src/redis/redis-place.ts';
import { redisSettings } from '../../../src/redis/redis-settings.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

const use = { silentMs: 1000 };

function place(more: Partial<RedisPlace> = {}): RedisPlace {
  return { nodes: ['one:7001', '[::1]', 'two'], mode: 'single', sentinelName: 'main', tls: false, ...more };
}

const nodes = [
  { host: 'one', port: 7001 },
  { host: '::1', port: 6379 },
  { host: 'two', port: 6379 },
];

test('one server is the first of the nodes', () => {
  const { kind, options } = redisSettings(place(), use);
  assert.equal(kind, 'server');
  assert.partialDeepStrictEqual(options, { host: 'one', port: 7001, socketTimeout: 1000 });
});

test('Sentinels are asked for the master of their name', () => {
  const { kind, options } = redisSettings(place({ mode: 'sentinel' }), use);
  assert.equal(kind, 'server');
  assert.partialDeepStrictEqual(options, { sentinels: nodes, name: 'main' });
});

test('TLS holds for Sentinels and for the server that they name', () => {
  const { options } = redisSettings(place({ mode: 'sentinel', tls: true }), use);
  assert.partialDeepStrictEqual(options, { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true });
});

test('a cluster is found at its nodes, and each of them is met in the same way', () => {
  const settings = redisSettings(place({ mode: 'cluster', username: 'ada', password: 'p' }), use);
  assert.ok(settings.kind === 'cluster');
  assert.deepEqual(settings.nodes, nodes);
  assert.partialDeepStrictEqual(settings.options, {
    enableOfflineQueue: false,
    redisOptions: { username: 'ada', password: 'p', socketTimeout: 1000 },
  });
});

test("a password is its file's first line, whatever else is said", () => {
  using folder = new TemporaryFolder();
  const passwordFile = folder.write('password', 'right\r\nnot this\n');
  const { options } = redisSettings(place({ password: 'wrong', passwordFile }), use);
  assert.partialDeepStrictEqual(options, { password: 'right' });
});

test('without TLS, a name or a database none is spoken of', () => {
  const { options } = redisSettings(place(), use);
  for (const name of ['tls', 'username', 'password', 'db']) assert.ok(!(name in options), name);
});

test('certificates are those of the file, or those of the system', () => {
  using folder = new TemporaryFolder();
  const tlsCa = folder.write('ca.pem', 'a certificate');
  assert.partialDeepStrictEqual(redisSettings(place({ tls: true, tlsCa }), use).options, {
    tls: { ca: 'a certificate' },
  });
  assert.partialDeepStrictEqual(redisSettings(place({ tls: true }), use).options, { tls: {} });
});

for (const what of ['passwordFile', 'tlsCa'] as const) {
  test(`a ${what} that cannot be read keeps whoever needs Redis from starting`, () => {
    assert.throws(
      () => redisSettings(place({ tls: true, [what]: '/nowhere/at/all' }), use),
      (error) => error instanceof ServingError && error.code === 'failed_precondition',
    );
  });
}
