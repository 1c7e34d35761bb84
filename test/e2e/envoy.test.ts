import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { createClient, type Client } from '../../src/client/client.ts';
import { fixtureModel } from '../support/build-batch.ts';
import { freePort } from '../support/free-port.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { startServer, type RunningServer } from '../support/start-server.ts';
import { findProgram } from '../support/tools.ts';
import { startEnvoy, type RunningEnvoy } from './support/start-envoy.ts';

const { skip } = findProgram('envoy');
const clientCount = 8;

function floatsOf(model: string, data: Float32Array): Parameters<Client['infer']>[0] {
  return { model, inputs: [{ name: 'x', shape: [1, data.length], data }] };
}

/** Clients of Envoy that ask for their own numbers until told to stop, and notice each wrong answer and failure. */
class Load {
  readonly failures: string[] = [];
  answered = 0;
  readonly #client: Client;
  readonly #going = new AbortController();
  readonly #done: Promise<unknown>;

  constructor(client: Client) {
    this.#client = client;
    this.#done = Promise.all(Array.from({ length: clientCount }, (_, number) => this.#run(number)));
  }

  async stop(): Promise<void> {
    this.#going.abort();
    await this.#done;
  }

  /** Ends it also where the test has failed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(number: number): Promise<void> {
    for (let call = 0; !this.#going.signal.aborted; call++) {
      try {
        const answer = await this.#client.infer(floatsOf('small', Float32Array.of(number, call)));
        assert.deepEqual(answer.outputs[0]?.data, Float32Array.of(number, call));
        this.answered++;
      } catch (error) {
        this.failures.push(String(error));
      }
    }
  }
}

async function successes(server: RunningServer): Promise<number> {
  using client = createClient({ address: server.grpcAddress });
  const [counters] = await client.statistics('small');
  return counters?.success.count ?? -1;
}

for (const transport of ['h2', 'grpc-js'] as const) {
  describe(`Envoy before two servers on ${transport}`, { skip, timeout: 240_000 }, () => {
    const resources = new AsyncDisposableStack();
    const folder = resources.use(new RepositoryFolder());
    const servers: RunningServer[] = [];
    let envoy: RunningEnvoy;
    let client: Client;

    async function start(port: number): Promise<RunningServer> {
      const ages = ['--grpc-max-connection-age', '500', '--grpc-max-connection-age-grace', '10000'];
      const args = ['--grpc-transport', transport, '--grpc-port', String(port), ...ages];
      return resources.use(await startServer({ repository: folder.path, args }));
    }

    before(async () => {
      folder.put('small/1/model.onnx', readFileSync(fixtureModel('identity_fp32')));
      folder.put('busy/1/model.onnx', readFileSync(fixtureModel('busy')));
      // They come back to them.
      const ports = [await freePort(), await freePort()];
      servers.push(...(await Promise.all(ports.map(start))));
      const [one = 0, other = 0] = servers.map(({ grpcPort }) => grpcPort);
      envoy = resources.use(await startEnvoy([one, other]));
      client = resources.use(createClient({ address: envoy.address }));
    });
    after(() => resources.disposeAsync());

    test('the requests of one connection go to both, in turns', async () => {
      for (let call = 0; call < 100; call++) await client.infer(floatsOf('small', Float32Array.of(call, 1)));
      const [one = 0, other = 0] = await Promise.all(servers.map(successes));
      assert.equal(one + other, 100);
      // A server whose connection is just being replaced for its age may miss a turn.
      assert.ok(Math.abs(one - other) <= 20, `${one} and ${other}`);
    });

    test('tensors of 600 kB pass both ways, many at a time', async () => {
      const tensors = Array.from({ length: 24 }, (_, number) => new Float32Array(150_000).fill(number));
      const answers = await Promise.all(tensors.map((data) => client.infer(floatsOf('small', data))));
      for (const [number, answer] of answers.entries()) {
        assert.deepEqual(answer.outputs[0]?.data, tensors[number]);
      }
    });

    test('a stream answers each of its requests', async () => {
      await using stream = client.stream();
      for (let number = 0; number < 20; number++) {
        await stream.send({ ...floatsOf('small', Float32Array.of(number)), id: String(number) });
      }
      stream.end();
      const seen = new Map<string, unknown>();
      for await (const reply of stream.replies) {
        assert.ok(reply.kind === 'answer');
        seen.set(reply.answer.id, reply.answer.outputs[0]?.data);
      }
      assert.equal(seen.size, 20);
    });

    test('a call that takes longer than its deadline ends with DEADLINE_EXCEEDED', async () => {
      const call = {
        model: 'busy',
        inputs: [{ name: 'rounds', shape: [], data: BigInt64Array.of(100_000n) }],
      };
      await assert.rejects(client.infer(call, { timeoutMs: 20 }), { code: 'deadline_exceeded' });
    });

    test('connections that reach their age are replaced under load, and no request fails', async () => {
      const before = await envoy.clusterStat('upstream_cx_close_notify');
      await using load = new Load(client);
      await envoy.until('upstream_cx_close_notify', (value) => value >= before + 4);
      await load.stop();
      assert.deepEqual(load.failures, []);
      assert.ok(load.answered > 20, `${load.answered} were answered`);
    });

    test('both are stopped and started again under load, one after the other, and no request fails', async () => {
      await using load = new Load(client);
      for (const [index, server] of [...servers].entries()) {
        const before = load.answered;
        assert.equal(await server.stop(), 0);
        await envoy.until('membership_healthy', (value) => value === 1);
        const whileOne = load.answered;
        const again = await start(server.grpcPort);
        servers[index] = again;
        await envoy.until('membership_healthy', (value) => value === 2);
        const whenBack = load.answered;
        assert.ok(whenBack > whileOne && whileOne > before, 'the other one answered alone');
        // Envoy sends it requests once it has connected again.
        while ((await successes(again)) <= 50) {
          assert.ok(load.answered < whenBack + 20_000, 'the one that came back takes its part');
        }
      }
      await load.stop();
      assert.deepEqual(load.failures, []);
    });
  });
}
