import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runChecks, runPython } from '../support/run-python.ts';
import { startServer } from '../support/start-server.ts';
import { findPython } from '../support/tools.ts';

const { skip } = findPython();
const exampleModels = join(import.meta.dirname, '..', '..', 'examples', 'models');

test("NVIDIA's tritonclient over HTTP", { skip }, async (t) => {
  await using server = await startServer({ repository: exampleModels });
  await runChecks(t, 'triton_http_checks.py', [server.httpAddress, exampleModels]);
});

test("the kserve package's REST client", { skip }, async (t) => {
  await using server = await startServer({ repository: exampleModels });
  await runChecks(t, 'kserve_http_checks.py', [server.httpAddress, exampleModels]);
});

test('every datatype over HTTP', { skip }, async (t) => {
  const repository = mkdtempSync(join(tmpdir(), 'tensorgate-http-datatypes-'));
  try {
    await runPython('make_identity_models.py', [repository]);
    await using server = await startServer({ repository });
    await runChecks(t, 'triton_http_datatype_checks.py', [server.httpAddress]);
  } finally {
    rmSync(repository, { recursive: true });
  }
});
