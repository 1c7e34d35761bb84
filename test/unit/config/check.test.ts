import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadOptions } from '../../../src/config/load.ts';

const bare = { exists: () => false, constrainedMemoryBytes: () => 0, cores: () => 4 };

function outcome(...args: string[]): { problems: readonly string[]; notices: readonly string[] } {
  const result = loadOptions({ args: ['m', ...args], environment: {} }, bare);
  return result.kind === 'refused'
    ? { problems: result.problems, notices: [] }
    : { problems: [], notices: result.notices };
}

const refused: readonly (readonly [string, string[], RegExp])[] = [
  [
    'models to load without mode explicit',
    ['--load-model', 'a'],
    /^models\.load needs models\.controlMode explicit or on-demand, got "none" \(--load-model\)$/,
  ],
  [
    'signatures without signers',
    ['--require-signed-models'],
    /^sources\.requireSigned needs sources\.signingKeys or sources\.signingAuthorities \(--require-signed-models\)$/,
  ],
  [
    'signers without signatures',
    ['--model-signing-key', 'k'],
    /^sources\.signingKeys needs sources\.requireSigned \(--model-signing-key\)$/,
  ],
  [
    'a rollout without a registry',
    ['--source-rollout', 'canary', '--model-control-mode', 'poll'],
    /^sources\.rollout needs a repository of models:\/ and models\.controlMode poll \(--source-rollout\)$/,
  ],
  ['no listener at all', ['--no-allow-grpc'], /^grpc\.enabled must be true/],
  [
    'more I/O threads than cores',
    ['--io-threads', '5'],
    /^server\.ioThreads must be at most the 4 cores of this machine, got 5 \(--io-threads\)$/,
  ],
  [
    'resources without a rate limiter',
    ['--rate-limit-resource', 'a:1'],
    /^models\.rateLimitResources needs models\.rateLimit execution_count \(--rate-limit-resource\)$/,
  ],
  [
    'a rate limiter over threads',
    ['--rate-limit', 'execution_count', '--io-threads', '2'],
    /^models\.rateLimit "execution_count" needs server\.ioThreads 1: .* \(--rate-limit\)$/,
  ],
  ...['a', 'a:', ':1', 'a:x', 'a:-1', 'a:1:gpu', 'a:1:2:3'].map(
    (text): readonly [string, string[], RegExp] => [
      `'${text}' as a resource`,
      ['--rate-limit', 'execution_count', '--rate-limit-resource', text],
      /^models\.rateLimitResources must be name:count or name:count:device, got ".*" \(--rate-limit-resource\)$/,
    ],
  ),
  ['TLS without a key', ['--grpc-use-ssl', '--grpc-server-cert', 'c'], /^grpc\.tls\.key must name a file/],
  [
    'a certificate without TLS',
    ['--grpc-server-cert', 'c'],
    /^grpc\.tls\.cert is given, but grpc\.tls\.enabled is false/,
  ],
  [
    'mutual TLS without an authority',
    ['--grpc-use-ssl-mutual', '--grpc-server-cert', 'c', '--grpc-server-key', 'k'],
    /^grpc\.tls\.clientCa must name a file/,
  ],
  [
    'an authority without mutual TLS',
    ['--grpc-use-ssl', '--grpc-server-cert', 'c', '--grpc-server-key', 'k', '--grpc-root-cert', 'r'],
    /^grpc\.tls\.clientCa is given, but grpc\.tls\.mutual is false/,
  ],
  [
    'TLS on HTTP without a certificate',
    ['--http-use-ssl', '--grpc-server-key', 'k'],
    /^grpc\.tls\.cert must name a file when http\.tls\.enabled is true \(--http-use-ssl\)$/,
  ],
  [
    'mutual TLS on HTTP without an authority',
    ['--http-use-ssl-mutual', '--grpc-server-cert', 'c', '--grpc-server-key', 'k'],
    /^grpc\.tls\.clientCa must name a file when http\.tls\.mutual is true/,
  ],
  [
    'one port for both that nobody asked for',
    ['--http-port', '9000', '--grpc-port', '9000'],
    /^http\.port must differ from grpc\.port unless http\.onGrpcPort is true, got 9000 \(--http-port\)$/,
  ],
  [
    'HTTP on the port of gRPC without HTTP',
    ['--http-on-grpc-port', '--allow-http', 'false'],
    /^http\.onGrpcPort needs http\.enabled true/,
  ],
  [
    'HTTP on the port of grpc-js',
    ['--http-on-grpc-port', '--grpc-transport', 'grpc-js'],
    /^http\.onGrpcPort needs grpc\.transport h2, got "grpc-js" \(--http-on-grpc-port\)$/,
  ],
  [
    'TLS of HTTP on the port of gRPC',
    ['--http-on-grpc-port', '--http-use-ssl', '--grpc-server-cert', 'c', '--grpc-server-key', 'k'],
    /^http\.tls\.enabled has no meaning with http\.onGrpcPort/,
  ],
  [
    'a Unix socket of HTTP on the port of gRPC',
    ['--http-on-grpc-port', '--http-unix-socket', 's'],
    /^http\.unixSocket has no meaning with http\.onGrpcPort/,
  ],
  [
    'an admin address without a port',
    ['--admin-address', 'localhost'],
    /^admin\.address must be host:port or off, got "localhost"/,
  ],
  [
    'an admin listener for everyone without keys',
    ['--admin-address', '0.0.0.0:8003'],
    /^admin\.address must be a loopback address unless/,
  ],
];

for (const [what, args, expected] of refused) {
  test(`${what} is refused`, () => {
    const { problems } = outcome(...args);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0] ?? '', expected);
  });
}

test('mutual TLS turns TLS on', () => {
  const files = ['--grpc-server-cert', 'c', '--grpc-server-key', 'k', '--grpc-root-cert', 'r'];
  const result = loadOptions({ args: ['m', '--grpc-use-ssl-mutual', ...files], environment: {} }, bare);
  assert.equal(result.kind === 'effective' && result.options.grpc.tls.enabled, true);
});

test('one certificate is enough for TLS on HTTP alone, and on the one port of both', () => {
  const files = ['--grpc-server-cert', 'c', '--grpc-server-key', 'k'];
  const mutual = [...files, '--grpc-root-cert', 'r', '--http-use-ssl-mutual'];
  const result = loadOptions({ args: ['m', ...mutual], environment: {} }, bare);
  assert.ok(result.kind === 'effective');
  assert.deepEqual(result.options.http.tls, { enabled: true, mutual: true });
  assert.equal(result.options.grpc.tls.enabled, false);
  assert.deepEqual(outcome('--http-on-grpc-port', '--grpc-use-ssl', ...files).problems, []);
  assert.deepEqual(outcome('--http-on-grpc-port', '--http-port', '8001').problems, []);
});

test('an admin listener for everyone is allowed with keys, and off closes it', () => {
  assert.deepEqual(outcome('--admin-address', '0.0.0.0:1', '--api-keys-file', 'f').problems, []);
  assert.deepEqual(outcome('--admin-address', 'off').problems, []);
});

test('metrics that are open to the network are worth a warning, with and without keys', () => {
  const open = ['--metrics-address', '0.0.0.0'];
  assert.match(
    outcome(...open).notices.join(),
    /^metrics are open to the network on 0\.0\.0\.0: .* port 8002 /,
  );
  assert.equal(outcome(...open, '--api-keys-file', 'f').notices.length, 1);
  assert.deepEqual(outcome(...open, '--allow-metrics', 'false').notices, []);
});

test('a port that is open to the network without keys is worth a warning, also about model control', () => {
  assert.deepEqual(outcome().notices, []);
  assert.match(outcome('--grpc-address', '0.0.0.0').notices.join(), /^0\.0\.0\.0 is open to the network/);
  assert.match(
    outcome('--grpc-address', '::', '--model-control-mode', 'explicit').notices.join(),
    /load and unload models/,
  );
});

test('API keys on a port that is open to the network are worth a warning without TLS', () => {
  const keys = ['--api-keys-file', 'f'];
  const files = ['--grpc-server-cert', 'c', '--grpc-server-key', 'k'];
  const everywhere = ['--grpc-address', '0.0.0.0', '--http-address', '0.0.0.0'];
  const [notice, ...others] = outcome(...keys, ...everywhere).notices;
  assert.match(notice ?? '', /^API keys are taken on 0\.0\.0\.0 without TLS/);
  assert.deepEqual(others, []);
  assert.equal(outcome(...keys, ...everywhere, '--grpc-use-ssl', ...files).notices.length, 1);
  assert.deepEqual(outcome(...keys, ...everywhere, '--grpc-use-ssl', '--http-use-ssl', ...files).notices, []);
  assert.deepEqual(
    outcome(...keys, ...everywhere, '--grpc-use-ssl', '--http-on-grpc-port', ...files).notices,
    [],
  );
  assert.deepEqual(outcome(...keys).notices, []);
});

test('rollouts in Redis need to know where that is', () => {
  assert.match(
    outcome('--rollout-store', 'redis').problems.join(),
    /rollouts\.store redis needs cache\.redis\.nodes/,
  );
  assert.deepEqual(outcome('--rollout-store', 'redis', '--cache-redis', 'r:1').problems, []);
});
