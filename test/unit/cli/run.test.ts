import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { run } from '../../../src/cli/run.ts';
import { FakeInferenceServer } from '../../support/fake-inference-server.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';

async function cli(
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<FakeTerminal & { code: number }> {
  const terminal = new FakeTerminal(environment);
  return Object.assign(terminal, { code: await run(args, terminal) });
}

const commands = ['serve', 'infer', 'models', 'health', 'config', 'doctor', 'providers'];

test('--version prints the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  assert.equal((await cli(['--version'])).out, `${version}\n`);
});

test('help lists every command, on the error stream when it was not asked for', async () => {
  const asked = await cli(['--help']);
  assert.equal(asked.code, 0);
  for (const command of commands) assert.match(asked.out, new RegExp(`^ {2}${command} `, 'm'));
  const bare = await cli([]);
  assert.deepEqual([bare.code, bare.out], [2, '']);
  assert.equal(bare.error, asked.out);
});

for (const command of commands) {
  test(`${command} --help explains the command and exits with 0`, async () => {
    const { code, out, error } = await cli([command, '--help']);
    assert.deepEqual([code, error], [0, '']);
    assert.match(out, new RegExp(`^Usage: tensorgate ${command} `));
  });
}

test('help <command> is <command> --help', async () => {
  const asked = await cli(['help', 'infer']);
  assert.deepEqual([asked.code, asked.out], [0, (await cli(['infer', '--help'])).out]);
});

test('a host that does not exist is no server, too', async () => {
  const { code, error } = await cli(['health', '--address', 'nowhere.invalid:1']);
  assert.equal(code, 3);
  assert.match(error, /^tensorgate: no server at nowhere\.invalid:1 \(Name resolution failed\)/);
});

test('an unknown command is answered with the nearest one', async () => {
  const { code, error } = await cli(['modles']);
  assert.equal(code, 2);
  assert.match(error, /unknown command modles \(did you mean models\?\)/);
  assert.equal((await cli(['constructor'])).code, 2);
});

test('no server at the address exits with 3 and says what to look at', async () => {
  const server = await FakeInferenceServer.start();
  await server[Symbol.asyncDispose]();
  const { code, error } = await cli(['health', '--address', server.address]);
  assert.equal(code, 3);
  assert.match(
    error,
    new RegExp(`^tensorgate: no server at ${server.address} \\(ECONNREFUSED\\): is it running`),
  );
});

test('a port that speaks something else exits with 3 and asks about TLS', async () => {
  const other = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
  const address = other.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const { code, error } = await cli(['health', '--address', `127.0.0.1:${port}`]);
  other.close();
  assert.equal(code, 3);
  assert.match(error, /TLS/);
});

test('health says ready or not, of the server and of a model', async () => {
  const answers = {
    ServerReady: () => ({ ready: true }),
    ModelReady: (request: Record<string, unknown>) => ({ ready: request['name'] === 'iris' }),
  };
  await using server = await FakeInferenceServer.start(answers);
  const environment = { TENSORGATE_ADDRESS: server.address };
  const whole = await cli(['health'], environment);
  assert.deepEqual([whole.code, whole.out], [0, 'ready\n']);
  assert.equal((await cli(['health', 'iris'], environment)).code, 0);
  const cold = await cli(['health', 'cold'], environment);
  assert.deepEqual([cold.code, cold.out], [1, 'not ready\n']);
});

test('config check prints what is in force, or everything that is wrong', async () => {
  const good = await cli(['config', 'check', 'models', '--grpc-port', '0', '--http-thread-count=1']);
  assert.equal(good.code, 0);
  assert.match(good.out, /^grpc\.port: 0 +# --grpc-port$/m);
  assert.match(good.error, /^note: accepted for compatibility/);
  const bad = await cli(['config', 'check', '--grpc-port', 'x', '--log-level', 'loud']);
  assert.equal(bad.code, 2);
  assert.equal(bad.error.trimEnd().split('\n').length, 2);
});

test('config check --json and config schema print JSON', async () => {
  const { out } = await cli(['config', 'check', 'models', '--json']);
  assert.deepEqual(JSON.parse(out)['models.repositories'], { value: ['models'], origin: 'argument' });
  assert.equal(JSON.parse((await cli(['config', 'schema'])).out).title, 'tensorgate configuration');
  assert.match((await cli(['config', 'chekc'])).error, /did you mean check\?/);
});

test('serve refuses a wrong configuration with exit status 2 and starts nothing', async () => {
  const { code, error } = await cli(['serve', '--grpc-port', '99999']);
  assert.equal(code, 2);
  assert.match(error, /grpc\.port must be a whole number from 0 to 65535, got 99999 \(--grpc-port\)/);
});
