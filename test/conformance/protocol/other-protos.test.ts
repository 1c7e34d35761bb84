import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';
import { models } from './support/models.ts';
import type { Message } from './support/protocol-client.ts';
import { floats, mlp, one, rawOutput, rowsOf } from './support/requests.ts';
import { Serving, transports } from './support/serving.ts';

/** A message of one string field. */
function text(field: number, value: string): Buffer {
  return Buffer.concat([Buffer.from([field * 8 + 2, value.length]), Buffer.from(value)]);
}

const isTrue = (field: number): Buffer => Buffer.from([field * 8, 1]);

interface Answer {
  readonly code: number;
  readonly bytes: Buffer;
}

/** Sends bytes to any path: what clients of another proto do. */
class OtherClient implements Disposable {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure());
  }

  call(path: string, request: Buffer): Promise<Answer> {
    const same = (bytes: Buffer): Buffer => bytes;
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(path, same, same, request, (error: ServiceError | null, bytes) =>
        resolve({ code: error?.code ?? status.OK, bytes: bytes ?? Buffer.alloc(0) }),
      );
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

for (const transport of transports) {
  describe(`clients of other protos on ${transport}`, () => {
    let serving: Serving;
    let other: OtherClient;

    const isReady = async (): Promise<unknown> =>
      (await serving.client.call('ModelReady', { name: 'mlp' })).reply['ready'];

    const converse = (requests: readonly object[]): Promise<{ code: number; answers: Message[] }> =>
      new Promise((resolve) => {
        const metadata = { 'tensorgate-stream-form': 'mlserver' };
        const stream = serving.client.stream({ metadata }, 'ModelInfer');
        const answers: Message[] = [];
        stream.on('data', (answer: Message) => answers.push(answer));
        stream.on('error', (_error: ServiceError) => {});
        stream.on('status', ({ code }) => setImmediate(() => resolve({ code, answers })));
        for (const request of requests) stream.write(request);
        stream.end();
      });

    before(async () => {
      const { mlp: served, floats: identity, decoupled } = models;
      assert.ok(served && identity && decoupled);
      serving = await Serving.start(
        transport,
        { mlp: served, floats: identity, decoupled },
        { models: { controlMode: 'explicit', load: ['*'] } },
      );
      other = new OtherClient(serving.server.grpcAddress);
    });
    after(async () => {
      other[Symbol.dispose]();
      await serving[Symbol.asyncDispose]();
    });

    it('0.1: KServe names the model in the first field, and reads name and outcome in its answer', async () => {
      const service = '/inference.GRPCInferenceService';
      const unloaded = await other.call(`${service}/RepositoryModelUnload`, text(1, 'mlp'));
      assert.equal(unloaded.code, status.OK);
      assert.deepEqual(unloaded.bytes, Buffer.concat([text(1, 'mlp'), isTrue(2)]));
      assert.equal(await isReady(), false);
      const loaded = await other.call(`${service}/RepositoryModelLoad`, text(1, 'mlp'));
      assert.deepEqual(loaded.bytes, Buffer.concat([text(1, 'mlp'), isTrue(2)]));
      assert.equal(await isReady(), true);
    });

    it('1.1: MLServer’s repository service lists, unloads and loads', async () => {
      const service = '/inference.model_repository.ModelRepositoryService';
      assert.equal((await other.call(`${service}/RepositoryModelUnload`, text(2, 'mlp'))).code, status.OK);
      assert.equal(await isReady(), false);
      const ready = (await other.call(`${service}/RepositoryIndex`, isTrue(2))).bytes.toString('latin1');
      assert.ok(ready.includes('floats') && !ready.includes('mlp'));
      assert.equal((await other.call(`${service}/RepositoryModelLoad`, text(2, 'mlp'))).code, status.OK);
      assert.equal(await isReady(), true);
      const missing = await other.call(`${service}/RepositoryModelLoad`, text(2, 'nowhere'));
      assert.notEqual(missing.code, status.OK);
    });

    it('0.1: asked for MLServer’s form, a stream answers with bare responses, in order', async () => {
      const { code, answers } = await converse([
        mlp({ id: 'a' }),
        { ...one('floats', { datatype: 'FP32', shape: [1, 1] }, floats(7)), id: 'b' },
        mlp({ id: 'c', model_name: 'decoupled' }),
      ]);
      assert.equal(code, status.OK);
      assert.deepEqual(new Set(answers.map(({ id }) => id)), new Set(['a', 'b', 'c']));
      const expected = rawOutput(await serving.client.call('ModelInfer', mlp()));
      const first = answers.find(({ id }) => id === 'a') as { raw_output_contents: Buffer[] } | undefined;
      assert.deepEqual(first?.raw_output_contents[0], expected);
      assert.deepEqual(
        answers.map(({ parameters }) => parameters),
        [{}, {}, {}],
      );
    });

    it('0.1: in MLServer’s form the first failure ends the stream with its status', async () => {
      const wrong = one('mlp', { datatype: 'FP32', shape: [1, 8] }, rowsOf(1));
      const { code, answers } = await converse([mlp({ id: 'a' }), wrong, mlp({ id: 'c' })]);
      assert.equal(status[code], 'INVALID_ARGUMENT');
      assert.equal(answers.length, 1);
    });
  });
}
