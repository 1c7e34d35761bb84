import { execFile } from 'node:child_process';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { fixtureModel } from '../support/build-batch.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { startServer } from '../support/start-server.ts';
import { findVirtualProgram } from '../support/tools.ts';

const python = findVirtualProgram('mlserver');

/** Fixtures by the names that the script calls them. */
const models: Readonly<Record<string, string>> = {
  floats: 'identity_fp32',
  text: 'identity_string',
  ...Object.fromEntries(
    ['int8', 'uint8', 'int16', 'int32', 'int64', 'uint64'].map((name) => [name, `identity_${name}`]),
  ),
};

test("the mlserver package's types and codecs", { skip: python.skip }, async (t) => {
  using repository = new RepositoryFolder();
  for (const [name, fixture] of Object.entries(models)) {
    repository.put(`${name}/1/model.onnx`, readFileSync(fixtureModel(fixture)));
  }
  repository.put('columns/1/model.onnx', readFileSync(fixtureModel('count_down')));
  await using server = await startServer({ repository: repository.path });
  const script = join(import.meta.dirname, 'mlserver-checks.py');
  const { stdout } = await promisify(execFile)(
    python.path,
    [script, server.httpAddress, server.grpcAddress],
    { timeout: 120_000, env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } },
  );
  const lines = stdout
    .trim()
    .split('\n')
    .filter((line) => line.startsWith('{'));
  assert.ok(lines.length >= 15, stdout);
  for (const line of lines) {
    const { name, error } = JSON.parse(line) as { name: string; error: string };
    await t.test(name, () => assert.equal(error, ''));
  }
});
