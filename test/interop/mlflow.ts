import { execFile } from 'node:child_process';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { findVirtualProgram } from '../support/tools.ts';

const root = join(import.meta.dirname, '..', '..');
const python = findVirtualProgram('mlflow');
const { skip } = python;

async function run(...args: readonly string[]): Promise<string> {
  const script = join(import.meta.dirname, 'mlflow-checks.py');
  const { stdout } = await promisify(execFile)(python.path, [script, ...args], {
    timeout: 240_000,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', MLFLOW_TRACKING_URI: 'file:///nowhere' },
  });
  return stdout;
}

const cases = [
  { model: 'diabetes', columns: '10', forms: 'frames', least: 8 },
  { model: 'iris', columns: '4', forms: 'tensors', least: 8 },
] as const;

for (const { model, columns, forms, least } of cases) {
  test(`${model}, logged by MLflow, gives its scoring client what MLflow gives`, { skip }, async (t) => {
    using folder = new TemporaryFolder();
    const logged = join(folder.path, 'logged');
    await run('make', logged, join(root, 'examples', 'models', model, '1', 'model.onnx'));
    await using server = await startServer({
      repository: join(logged, 'model.onnx'),
      args: ['--dialects', 'mlflow'],
    });
    const port = server.httpAddress.split(':').at(-1) ?? '';
    const lines = (await run('check', logged, port, columns, forms)).trim().split('\n');
    assert.ok(lines.length >= least, lines.join('\n'));
    for (const line of lines) {
      const { name, error } = JSON.parse(line) as { name: string; error: string };
      await t.test(name, () => assert.equal(error, ''));
    }
  });
}
