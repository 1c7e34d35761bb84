import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createClient } from '../../src/client/client.ts';
import { fixtureModel } from '../support/build-batch.ts';
import { HeldModels, valuesOf } from '../support/held-model.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { runChecks } from '../support/run-python.ts';
import { startServer } from '../support/start-server.ts';
import { findPython } from '../support/tools.ts';

const python = findPython();

test(
  "priority and timeouts of NVIDIA's tritonclient reach the queue",
  { skip: python.skip, timeout: 240_000 },
  async (t) => {
    await using models = await HeldModels.start({
      ranked: 'max_batch_size: 1 dynamic_batching { priority_levels: 3 default_priority_level: 2 }',
      timed: 'max_batch_size: 8 dynamic_batching { }',
      hurried: 'max_batch_size: 8 dynamic_batching { }',
    });
    const { grpcAddress, metricsAddress } = models.server;
    await runChecks(t, 'batching_checks.py', [grpcAddress, metricsAddress, models.holdsFolder]);
  },
);

const clients = 64;
const requestsEach = 12;

/** The rows of one request: 1 to 8, no two requests alike. */
function rowsOf(client: number, request: number): Float32Array {
  const rows = 1 + ((client * 5 + request * 3) % 8);
  const seed = client * requestsEach + request;
  return Float32Array.from({ length: rows * 16 }, (_, at) => Math.sin(seed * 12.9898 + at * 78.233) * 3);
}

for (const transport of ['h2', 'grpc-js']) {
  test(
    `${clients} clients with requests of 1 to 8 rows get their own answers, within 1e-5 of rows run alone, over ${transport}`,
    { timeout: 240_000 },
    async () => {
      using folder = new RepositoryFolder();
      for (const [name, size] of [
        ['together', 16],
        ['alone', 1],
      ] as const) {
        folder.put(`${name}/1/model.onnx`, readFileSync(fixtureModel('mlp16')));
        folder.put(`${name}/config.pbtxt`, `max_batch_size: ${size}`);
      }
      await using server = await startServer({
        repository: folder.path,
        args: ['--grpc-transport', transport, '--placement', 'thread'],
      });
      using one = createClient({ address: server.grpcAddress });
      const all = Array.from({ length: clients }, () => createClient({ address: server.grpcAddress }));
      try {
        await Promise.all(
          all.map(async (client, index) => {
            for (let request = 0; request < requestsEach; request++) {
              const data = rowsOf(index, request);
              const shape = [data.length / 16, 16];
              const answer = await client.infer({ model: 'together', inputs: [{ name: 'x', shape, data }] });
              const together = valuesOf(answer);
              assert.equal(together.length, (data.length / 16) * 4);
              for (let row = 0; row < data.length / 16; row++) {
                const single = { name: 'x', shape: [1, 16], data: data.slice(row * 16, row * 16 + 16) };
                if ((index + request + row) % 7 > 0) continue;
                compare(
                  together.slice(row * 4, row * 4 + 4),
                  valuesOf(await one.infer({ model: 'alone', inputs: [single] })),
                );
              }
            }
          }),
        );
        const [counters] = await one.statistics('together');
        const shared = (counters?.batches ?? []).filter(({ batchSize }) => batchSize > 8);
        assert.ok(shared.length > 0, 'requests shared batches');
      } finally {
        for (const client of all) client[Symbol.dispose]();
      }
    },
  );
}

function compare(together: readonly number[], alone: readonly number[]): void {
  for (const [at, wanted] of alone.entries()) {
    const value = together[at] ?? Number.NaN;
    assert.ok(Math.abs(value - wanted) <= 1e-5 * Math.abs(wanted) + 1e-6, `${value} is not ${wanted}`);
  }
}
