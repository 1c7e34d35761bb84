import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { runChecks } from '../support/run-python.ts';
import { startServer } from '../support/start-server.ts';
import { findProgram, findPython, findTensorflowStubs, skipUnless } from '../support/tools.ts';

const execute = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const exampleModels = join(root, 'examples', 'models');
const python = findPython();
const stubs = findTensorflowStubs();

test("the kserve package's REST client, in KServe's first protocol", { skip: python.skip }, async (t) => {
  await using server = await startServer({ repository: exampleModels });
  await runChecks(t, 'kserve_v1_checks.py', [server.httpAddress, exampleModels]);
});

for (const transport of ['h2', 'grpc-js']) {
  test(
    `the stubs of tensorflow-serving-api, on ${transport}`,
    { skip: skipUnless(python, stubs) },
    async (t) => {
      const args = ['--grpc-transport', transport];
      await using server = await startServer({ repository: exampleModels, args });
      const env = { PYTHONPATH: stubs.path };
      await runChecks(t, 'tensorflow_serving_checks.py', [server.grpcAddress, exampleModels], { env });
    },
  );
}

const sections = ['KServe v1', 'TensorFlow Serving', 'TorchServe'];

/** Calls in the examples of sections that the example models answer; those that go on in the next line as one. */
function callsIn(page: string): readonly string[] {
  const text = readFileSync(join(root, 'docs', page), 'utf8');
  const shown = text.split(/^## /m).filter((section) => sections.some((title) => section.startsWith(title)));
  const blocks = Array.from(shown.join('').matchAll(/^```sh\n(.*?)^```/gms), ([, block = '']) => block);
  return blocks.flatMap((block) =>
    block
      .replaceAll('\\\n', ' ')
      .split('\n')
      .filter((line) => /^(?:curl|grpcurl) /.test(line)),
  );
}

const curl = findProgram('curl');
const grpcurl = findProgram('grpcurl');

describe('the examples of dialects.md', { skip: skipUnless(curl, grpcurl) }, () => {
  const commands = callsIn('dialects.md');

  test('are there', () => assert.ok(commands.length >= 5));

  test('are answered', async (t) => {
    const args = ['--dialects', 'kserve-v1,tensorflow-serving,torchserve'];
    await using server = await startServer({ repository: exampleModels, args });
    for (const command of commands) {
      await t.test(command.replaceAll(/ +/g, ' ').slice(0, 100), async () => {
        const isRest = command.startsWith('curl ');
        const line = command
          .replaceAll('127.0.0.1:8000', server.httpAddress)
          .replaceAll('127.0.0.1:8001', server.grpcAddress)
          .replace(/^grpcurl/, grpcurl.path);
        const flags = isRest ? '--silent --show-error --fail-with-body' : '';
        const { stdout } = await execute('bash', ['-c', `${line} ${flags}`], { cwd: root, timeout: 120_000 });
        assert.match(stdout, /^[[{]/);
      });
    }
  });
});
