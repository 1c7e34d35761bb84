import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { type RunningServer, startServer } from '../support/start-server.ts';
import { findPython } from '../support/tools.ts';

const execute = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const examples = join(root, 'examples');
const python = findPython();

describe('the example clients', () => {
  let server: RunningServer;
  before(async () => {
    server = await startServer({ repository: join(examples, 'models') });
  });
  after(() => server[Symbol.asyncDispose]());

  async function run(command: string, args: readonly string[], cwd = root): Promise<string> {
    const { stdout } = await execute(command, args, { cwd, timeout: 240_000 });
    return stdout;
  }

  test('TypeScript: the types are generated, checked, and the client gets its answers', async () => {
    const folder = join(examples, 'clients', 'node');
    await run('npm', ['run', '--silent', 'generate'], folder);
    await run(join(root, 'node_modules', '.bin', 'tsc'), ['-p', folder]);
    const output = await run('npm', ['start', '--silent', '--', server.grpcAddress], folder);
    assert.match(output, /^digit: 7$/m);
    assert.match(output, /^iris: 0\.\d{3} 0\.\d{3} 0\.\d{3}$/m);
  });

  test('Python: with tritonclient', { skip: python.skip }, async () => {
    const script = join(examples, 'clients', 'python', 'with_tritonclient.py');
    const output = await run(python.path, [script, server.grpcAddress]);
    assert.match(output, /iris species: \[2\]/);
    assert.match(output, /digits: \['\d', '\d', '\d', '\d'\]/);
  });

  test('Python: with nothing but grpcio and the proto', { skip: python.skip }, async () => {
    const script = join(examples, 'clients', 'python', 'with_grpc.py');
    assert.match(await run(python.path, [script, server.grpcAddress]), /species: \[2, 0\]/);
  });
});
