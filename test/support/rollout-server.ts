import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient, type Client } from '../../src/client/client.ts';
import { createRolloutClient, type RolloutClient } from '../../src/client/rollout-client.ts';
import type { WireMessage } from '../../src/client/connection.ts';
import { run } from '../../src/cli/run.ts';
import { fixtureModel } from './build-batch.ts';
import { FakeTerminal } from './fake-terminal.ts';
import { freePort } from './free-port.ts';
import { RepositoryFolder } from './repository-folder.ts';
import { startServer, type RunningServer } from './start-server.ts';

/** Versions of the model `scores`, by number. */
const versions = { 1: 'good', 2: 'worse', 3: 'slow_tail', 4: 'failing', 5: 'better', 6: 'invalid' } as const;

export interface Answered {
  readonly version: string;
  readonly arm: unknown;
  readonly score: number;
}

/** A server with six versions of one model, of which no newer one serves anybody until a rollout says so. */
export class RolloutServer implements AsyncDisposable {
  readonly folder: RepositoryFolder;
  readonly adminAddress: string;
  readonly #args: readonly string[];
  #server: RunningServer;
  #client: Client;
  #rollouts: RolloutClient;

  private constructor(
    folder: RepositoryFolder,
    adminAddress: string,
    args: readonly string[],
    server: RunningServer,
  ) {
    this.folder = folder;
    this.adminAddress = adminAddress;
    this.#args = args;
    this.#server = server;
    this.#client = createClient({ address: server.grpcAddress });
    this.#rollouts = createRolloutClient({ address: adminAddress });
  }

  static async start(
    extra: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<RolloutServer> {
    const folder = new RepositoryFolder();
    try {
      for (const [version, fixture] of Object.entries(versions)) {
        folder.put(`models/scores/${version}/model.onnx`, readFileSync(fixtureModel(`rollout_${fixture}`)));
      }
      folder.put('models/scores/config.pbtxt', 'max_batch_size: 8 version_policy { all { } }');
      const adminAddress = `127.0.0.1:${await freePort()}`;
      const state = join(folder.path, 'rollouts.json');
      const args = ['--admin-address', adminAddress, '--rollout-state', state, ...extra];
      const server = await startServer({ repository: join(folder.path, 'models'), args, env });
      return new RolloutServer(folder, adminAddress, args, server);
    } catch (error) {
      folder[Symbol.dispose]();
      throw error;
    }
  }

  get server(): RunningServer {
    return this.#server;
  }

  get rollouts(): RolloutClient {
    return this.#rollouts;
  }

  /** Ends the process and starts another one with the same folder. */
  async restart(): Promise<void> {
    this.#close();
    await this.#server[Symbol.asyncDispose]();
    this.#server = await startServer({ repository: join(this.folder.path, 'models'), args: this.#args });
    this.#client = createClient({ address: this.#server.grpcAddress });
    this.#rollouts = createRolloutClient({ address: this.adminAddress });
  }

  /** @param user the parameter that the plans of these tests divide by. */
  async infer(user: string, x: readonly [number, number], version = '', id = ''): Promise<Answered> {
    const inputs = [{ name: 'x', shape: [1, 2], data: Float32Array.from(x) }];
    const answer = await this.#client.infer({ model: 'scores', version, id, inputs, parameters: { user } });
    const data = answer.outputs[0]?.data;
    const score = data instanceof Float32Array ? (data[0] ?? Number.NaN) : Number.NaN;
    return { version: answer.version, arm: answer.parameters['tensorgate_arm'], score };
  }

  /** Starts a rollout by the fields of a plan, in JSON. */
  start(plan: object): Promise<WireMessage> {
    return this.rollouts.start(
      JSON.stringify({ model: 'scores', stable: 1, key: ['parameter:user'], ...plan }),
      'test',
    );
  }

  /** What `tensorgate rollout` prints. @throws when its exit status is not 0. */
  async command(...args: readonly string[]): Promise<string> {
    const terminal = new FakeTerminal();
    const code = await run(['rollout', ...args, '--address', this.adminAddress], terminal);
    if (code !== 0) throw new Error(`${code}: ${terminal.error}`);
    return terminal.out;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    try {
      await this.#server[Symbol.asyncDispose]();
    } finally {
      this.folder[Symbol.dispose]();
    }
  }

  #close(): void {
    this.#client[Symbol.dispose]();
    this.#rollouts[Symbol.dispose]();
  }
}
