import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runChecks, runPython } from '../support/run-python.ts';
import { startServer } from '../support/start-server.ts';
import { findPython } from '../support/tools.ts';

const { skip } = findPython();
const exampleModels = join(import.meta.dirname, '..', '..', 'examples', 'models');

for (const transport of ['h2', 'grpc-js']) {
  const serving = { repository: exampleModels, args: ['--grpc-transport', transport] };

  test(`NVIDIA's tritonclient on ${transport}`, { skip }, async (t) => {
    await using server = await startServer(serving);
    await runChecks(t, 'tritonclient_checks.py', [server.grpcAddress, exampleModels]);
  });

  test(`the kserve package's gRPC client on ${transport}`, { skip }, async (t) => {
    await using server = await startServer(serving);
    await runChecks(t, 'kserve_checks.py', [server.grpcAddress, exampleModels]);
  });

  test(`64 concurrent clients with distinct inputs on ${transport}`, { skip }, async (t) => {
    await using server = await startServer(serving);
    await runChecks(t, 'concurrent_clients.py', [server.grpcAddress, exampleModels, '64', '20']);
  });
}

test('every datatype through the wire', { skip }, async (t) => {
  const repository = mkdtempSync(join(tmpdir(), 'tensorgate-datatypes-'));
  try {
    await runPython('make_identity_models.py', [repository]);
    await using server = await startServer({ repository });
    await runChecks(t, 'datatype_checks.py', [server.grpcAddress]);
  } finally {
    rmSync(repository, { recursive: true });
  }
});
