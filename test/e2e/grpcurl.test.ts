import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { type RunningServer, startServer } from '../support/start-server.ts';
import { findProgram } from '../support/tools.ts';

const execute = promisify(execFile);
const exampleModels = join(import.meta.dirname, '..', '..', 'examples', 'models');
const service = 'inference.GRPCInferenceService';
const grpcurl = findProgram('grpcurl');

/** A failed call, with what it wrote to stderr. */
interface Failure extends Error {
  readonly stderr: string;
}

for (const transport of ['h2', 'grpc-js']) {
  describe(`grpcurl, with nothing but reflection, on ${transport}`, { skip: grpcurl.skip }, () => {
    let server: RunningServer;
    before(async () => {
      server = await startServer({ repository: exampleModels, args: ['--grpc-transport', transport] });
    });
    after(() => server[Symbol.asyncDispose]());

    /** `grpcurl [flags] ADDRESS [words]` */
    async function run(words: readonly string[], flags: readonly string[] = []): Promise<string> {
      const args = ['-plaintext', '-max-time', '60', ...flags, server.grpcAddress, ...words];
      const { stdout } = await execute(grpcurl.path, args, { timeout: 120_000 });
      return stdout;
    }

    async function call(method: string, message: object): Promise<unknown> {
      return JSON.parse(await run([method], ['-d', JSON.stringify(message)]));
    }

    const flower = {
      model_name: 'iris',
      id: 'one',
      inputs: [
        {
          name: 'features',
          datatype: 'FP32',
          shape: [2, 4],
          contents: { fp32_contents: [5.1, 3.5, 1.4, 0.2, 6.2, 3.4, 5.4, 2.3] },
        },
      ],
    };

    test('lists the services', async () => {
      const services = (await run(['list'])).trim().split('\n');
      for (const name of [service, 'grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection']) {
        assert.ok(services.includes(name), `${name} is not among ${services.join(', ')}`);
      }
    });

    test('describes every call of the inference service', async () => {
      const methods = (await run(['list', service])).trim().split('\n');
      assert.equal(methods.length, 20);
    });

    test('describes a message with the types that it refers to', async () => {
      const text = await run(['describe', '.inference.ModelInferRequest']);
      assert.match(text, /repeated bytes raw_input_contents = 7;/);
      assert.match(text, /map<string, \.inference\.InferParameter> parameters = 4;/);
    });

    test('describes the model configuration, which lives in a file of its own', async () => {
      assert.match(await run(['describe', '.inference.ModelConfig']), /max_batch_size = 4;/);
    });

    test('checks the health of the server and of a model', async () => {
      const check = (name: string): Promise<unknown> =>
        call('grpc.health.v1.Health/Check', { service: name });
      assert.deepEqual(await check(''), { status: 'SERVING' });
      assert.deepEqual(await check('iris'), { status: 'SERVING' });
    });

    test('infers with typed contents', async () => {
      const answer = await call(`${service}/ModelInfer`, flower);
      assert.ok(typeof answer === 'object' && answer !== null && 'rawOutputContents' in answer);
      assert.ok(
        Array.isArray(answer.rawOutputContents) && 'outputs' in answer && Array.isArray(answer.outputs),
      );
      const index = answer.outputs.findIndex(({ name }: { name: string }) => name === 'label');
      const labels = Buffer.from(String(answer.rawOutputContents[index]), 'base64');
      assert.deepEqual([labels.readBigInt64LE(0), labels.readBigInt64LE(8)], [0n, 2n]);
    });

    test('takes the message of an error from the status', async () => {
      await assert.rejects(
        call(`${service}/ModelInfer`, { ...flower, model_name: 'absent' }),
        (error: Failure) => /Code: NotFound/.test(error.stderr) && /absent/.test(error.stderr),
      );
    });

    test('infers over a stream', async () => {
      const messages = [flower, { ...flower, id: 'two' }]
        .map((message) => JSON.stringify(message))
        .join('\n');
      const answers = await run([`${service}/ModelStreamInfer`], ['-d', messages]);
      const ids = [...answers.matchAll(/"id": "(\w+)"/g)].map(([, id]) => id);
      assert.deepEqual(new Set(ids), new Set(['one', 'two']));
    });
  });
}
