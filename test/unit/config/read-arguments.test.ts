import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readArguments } from '../../../src/config/read-arguments.ts';

function values(...args: string[]): Record<string, unknown> {
  const { given, problems } = readArguments(args);
  assert.deepEqual(problems, []);
  return Object.fromEntries(given.map(({ path, value }) => [path, value]));
}

const toggles: readonly (readonly [string[], boolean])[] = [
  [['--strict-readiness'], true],
  [['--strict-readiness=true'], true],
  [['--strict-readiness', 'true'], true],
  [['--strict-readiness', '1'], true],
  [['--strict-readiness=False'], false],
  [['--strict-readiness', '0'], false],
  [['--no-strict-readiness'], false],
];

for (const [args, expected] of toggles) {
  test(`${args.join(' ')} is ${expected}`, () => {
    assert.deepEqual(values(...args), { 'models.strictReadiness': expected });
  });
}

test('a toggle leaves the word behind it alone unless it is a truth value', () => {
  assert.deepEqual(values('--strict-readiness', 'models'), {
    'models.strictReadiness': true,
    'models.repositories': ['models'],
  });
});

test('repositories come from the flag, its alias and plain arguments, in their order', () => {
  assert.deepEqual(values('a', '--model-repository=b', '--model-store', 'c', 'd.onnx'), {
    'models.repositories': ['a', 'b', 'c', 'd.onnx'],
  });
});

test('words may stand together between commas, and none is none', () => {
  assert.deepEqual(values('--dialects', 'a, b', '--dialects=c'), { 'server.dialects': ['a', 'b', 'c'] });
  assert.deepEqual(values('--dialects', 'none'), { 'server.dialects': [] });
  assert.deepEqual(values('--load-model', 'a,b'), { 'models.load': ['a,b'] });
});

test('the last of a single flag wins', () => {
  assert.deepEqual(values('--grpc-port', '1', '--grpc-port=2'), { 'grpc.port': 2 });
});

test("flags of Triton's that tune what is not here are accepted and named once", () => {
  const { problems, notices } = readArguments([
    '--allow-gpu-metrics=true',
    '--backend-directory',
    '8080',
    '--http-thread-count=2',
    '--backend-directory=1',
  ]);
  assert.deepEqual(problems, []);
  assert.deepEqual(notices, [
    'accepted for compatibility, without effect here: --allow-gpu-metrics, --backend-directory, --http-thread-count',
  ]);
});

test('a flag that restricts access is never silently ignored', () => {
  const { problems } = readArguments(['--grpc-restricted-protocol=health:k=v']);
  assert.match(problems.join(), /unknown flag --grpc-restricted-protocol/);
});

test('a flag without its value is an error that says what is expected', () => {
  assert.deepEqual(readArguments(['--grpc-port']).problems, [
    '--grpc-port needs a value: a whole number from 0 to 65535',
  ]);
  assert.deepEqual(readArguments(['--config']).problems, ['--config needs a value: a file']);
});
