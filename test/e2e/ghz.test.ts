import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startServer } from '../support/start-server.ts';
import { findProgram } from '../support/tools.ts';

const execute = promisify(execFile);
const exampleModels = join(import.meta.dirname, '..', '..', 'examples', 'models');
const ghz = findProgram('ghz');

for (const transport of ['h2', 'grpc-js']) {
  test(
    `ghz: two thousand calls on four connections of ${transport}, 64 at a time, all answered`,
    { skip: ghz.skip },
    async () => {
      await using server = await startServer({
        repository: exampleModels,
        args: ['--grpc-transport', transport],
      });
      const message = {
        model_name: 'iris',
        inputs: [
          {
            name: 'features',
            datatype: 'FP32',
            shape: [1, 4],
            contents: { fp32_contents: [5.1, 3.5, 1.4, 0.2] },
          },
        ],
      };
      const load = '--insecure --format json -n 2000 -c 64 --connections 4 --cpus 1';
      const call = ['--call', 'inference.GRPCInferenceService.ModelInfer', '-d', JSON.stringify(message)];
      const args = [...load.split(' '), ...call, server.grpcAddress];
      const { stdout } = await execute(ghz.path, args, { timeout: 240_000, maxBuffer: 64 << 20 });
      const report: { statusCodeDistribution: object } = JSON.parse(stdout);
      assert.deepEqual(report.statusCodeDistribution, { OK: 2000 });
    },
  );
}
