import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Surroundings } from '../../../src/config/detect.ts';
import { loadOptions, resolveOptions, type Effective } from '../../../src/config/load.ts';
import { ServingError } from '../../../src/errors.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

const bare: Surroundings = { exists: () => false, constrainedMemoryBytes: () => 4000, cores: () => 4 };

function effective(
  args: readonly string[],
  environment: Record<string, string> = {},
  surroundings = bare,
): Effective {
  const result = loadOptions({ args, environment }, surroundings);
  if (result.kind === 'refused') throw new Error(result.problems.join('\n'));
  return result;
}

function problems(args: readonly string[], environment: Record<string, string> = {}): readonly string[] {
  const result = loadOptions({ args, environment }, bare);
  assert.equal(result.kind, 'refused');
  return result.kind === 'refused' ? result.problems : [];
}

test('flags win over the environment, the environment over the file, the file over the defaults', () => {
  using folder = new TemporaryFolder();
  const config = folder.write(
    'server.yaml',
    'models:\n  repositories: [from-file]\ngrpc:\n  port: 1\n  maxConcurrentStreams: 7\nserver:\n  id: file\n',
  );
  const { options, origins } = effective(['--config', config, '--grpc-port', '3'], {
    TENSORGATE_GRPC_PORT: '2',
    TENSORGATE_SERVER_ID: 'environment',
  });
  assert.equal(options.grpc.port, 3);
  assert.equal(options.server.id, 'environment');
  assert.equal(options.grpc.maxConcurrentStreams, 7);
  assert.equal(options.grpc.maxMessageBytes, 64 * 1024 * 1024);
  assert.equal(origins.get('grpc.port'), '--grpc-port');
  assert.equal(origins.get('server.id'), 'TENSORGATE_SERVER_ID');
  assert.equal(origins.get('grpc.maxConcurrentStreams'), 'server.yaml:5');
  assert.equal(origins.get('grpc.maxMessageBytes'), 'default');
});

test('the configuration file can be named by the environment', () => {
  using folder = new TemporaryFolder();
  const config = folder.write('c.json', '{"models": {"repositories": ["m"]}, "grpc": {"port": 9}}');
  assert.equal(effective([], { TENSORGATE_CONFIG: config }).options.grpc.port, 9);
});

test('every error is reported at once, with field, bound, value and origin', () => {
  assert.deepEqual(
    problems(['m', '--grpc-port', '70000', '--grpc-prot', '--placement=thraed'], {
      TENSORGATE_STRICT_READINESS: 'maybe',
    }),
    [
      'unknown flag --grpc-prot (did you mean --grpc-port?)',
      'models.strictReadiness must be true or false, got "maybe" (TENSORGATE_STRICT_READINESS)',
      'grpc.port must be a whole number from 0 to 65535, got 70000 (--grpc-port)',
      'models.placement must be one of auto, inline, thread, got "thraed" (did you mean thread?) (--placement)',
    ],
  );
});

test('a wrong value in the file is an error even when a flag replaces it', () => {
  using folder = new TemporaryFolder();
  const config = folder.write('c.yaml', 'grpc:\n  port: many\n');
  assert.deepEqual(problems(['m', '-c', config, '--grpc-port', '1']), [
    'grpc.port must be a whole number from 0 to 65535, got "many" (c.yaml:2)',
  ]);
});

test('without a repository the start is refused, unless KServe mounted one', () => {
  assert.match(problems([])[0] ?? '', /^models\.repositories is empty/);
  const mounted = { ...bare, exists: (path: string) => path === '/mnt/models' };
  const { options, origins } = effective([], {}, mounted);
  assert.deepEqual(options.models.repositories, ['/mnt/models']);
  assert.equal(origins.get('models.repositories'), 'detected');
  assert.deepEqual(effective(['other'], {}, mounted).options.models.repositories, ['other']);
});

test('the byte budget is a quarter of the memory the process may use, unless it is given', () => {
  assert.equal(effective(['m']).options.server.byteBudget, 1000);
  assert.equal(effective(['m', '--byte-budget', '5']).options.server.byteBudget, 5);
});

test("Triton's verbosity lowers the log level, unless a level is given", () => {
  assert.equal(effective(['m', '--log-verbose', '1']).options.log.level, 'debug');
  assert.equal(effective(['m', '--log-verbose', '1', '--log-level', 'warn']).options.log.level, 'warn');
  assert.equal(effective(['m', '--log-verbose', '0']).options.log.level, 'info');
});

test('embedders get complete options, and errors that name every field', () => {
  const options = resolveOptions({ models: { repositories: ['m'] }, grpc: { port: 0 } }, bare);
  assert.equal(options.grpc.port, 0);
  assert.equal(options.models.controlMode, 'none');
  assert.throws(
    () => resolveOptions({ models: { repositories: ['m'], pollSecs: 0 }, grpc: { port: -1 } }, bare),
    (error) =>
      error instanceof ServingError &&
      error.code === 'invalid_argument' &&
      error.message ===
        'models.pollSecs must be a whole number from 1 to 86400, got 0 (options); grpc.port must be a whole number from 0 to 65535, got -1 (options)',
  );
});

test("a name of the object prototype is no option's name", () => {
  using folder = new TemporaryFolder();
  const config = folder.write(
    'c.json',
    '{"models": {"repositories": ["m"]}, "__proto__": {"x": 1}, "constructor": 1}',
  );
  const found = problems(['-c', config]);
  assert.equal(found.length, 2);
  assert.match(found.join('\n'), /__proto__ is not an option[^]*constructor is not an option/);
});
