import assert from 'node:assert/strict';
import { readFileSync, renameSync } from 'node:fs';
import { createClient, type Client } from '../../src/client/client.ts';
import { ServingError } from '../../src/errors.ts';
import { fixtureModel } from '../support/build-batch.ts';
import { rssBytes } from '../support/process-usage.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { startServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const model = 'mlp16';

/** How often each changes while requests come in. */
export interface ReloadPlan {
  readonly modelReloads: number;
  readonly configReloads: number;
  readonly args?: readonly string[];
}

export interface ReloadOutcome {
  readonly answered: number;
  readonly failures: readonly string[];
  /** Resident memory of the server after each reload of the model. */
  readonly readings: readonly number[];
}

/**
 * A server whose model is loaded anew over and over, each time with another number of instances, and whose configuration is
 * read again, while it answers requests without a pause.
 */
export async function reloadUnderLoad(plan: ReloadPlan): Promise<ReloadOutcome> {
  using repository = new RepositoryFolder();
  using config = new TemporaryFolder();
  repository.put(`${model}/1/model.onnx`, readFileSync(fixtureModel(model)));
  repository.put(`${model}/config.pbtxt`, instances(1));
  const file = config.write('server.yaml', settings(0));
  await using server = await startServer({
    repository: repository.path,
    args: ['--model-control-mode', 'explicit', '--load-model', '*', '--config', file, ...(plan.args ?? [])],
  });
  using client = createClient({ address: server.grpcAddress });
  const load = new Load(client);
  const readings: number[] = [];
  const loadedAt: number[] = [];
  let lastAskedAt = 0;
  let reread = 0;
  for (let turn = 1; turn <= plan.modelReloads; turn += 1) {
    repository.put(`${model}/config.pbtxt`, instances(1 + (turn % 3)));
    lastAskedAt = performance.now();
    await client.load(model);
    readings.push(rssBytes(server.pid));
    loadedAt.push(performance.now());
    for (; reread < Math.floor((plan.configReloads * turn) / plan.modelReloads); reread += 1) {
      renameSync(config.write('new.yaml', settings(reread + 1)), file);
      process.kill(server.pid, 'SIGHUP');
      await server.printed(
        new RegExp(`"from":${exitTimeoutSecs(reread)},"to":${exitTimeoutSecs(reread + 1)}\\b`),
      );
    }
  }
  await load.stop();
  // Those of the span in which the last line fell, or would have.
  const maybeUntold = loadedAt.filter((at) => at > lastAskedAt - repeatsAreCountedMs).length;
  // All that it printed is there once it has ended.
  assert.equal(await server.stop(), 0);
  const reloads = toldReloads(server.output());
  assert.ok(reloads <= plan.modelReloads && reloads >= plan.modelReloads - maybeUntold, `${reloads} reloads`);
  return { answered: load.answered, failures: load.failures, readings };
}

/** Of lines that repeat more often the log prints some, and with the first one after so long how many it did not. */
const repeatsAreCountedMs = 10_000;

function toldReloads(output: string): number {
  const lines = output.split('\n').filter((line) => line.includes('"model reloaded"'));
  return lines.reduce((sum, line) => sum + 1 + Number(/"suppressed":(\d+)/.exec(line)?.[1] ?? 0), 0);
}

function instances(count: number): string {
  return `instance_group { count: ${count} kind: KIND_CPU } parameters { key: "intra_op_thread_count" value { string_value: "1" } }`;
}

const exitTimeoutSecs = (turn: number): number => 30 + turn;

function settings(turn: number): string {
  return `server: { exitTimeoutSecs: ${exitTimeoutSecs(turn)} }\nmodels: { placement: ${turn % 2 === 0 ? 'auto' : 'thread'} }\n`;
}

/** Asks without a pause, from a few callers. */
class Load {
  answered = 0;
  readonly failures: string[] = [];
  readonly #client: Client;
  readonly #done: Promise<unknown>;
  #stopped = false;

  constructor(client: Client, callers = 4) {
    this.#client = client;
    this.#done = Promise.all(Array.from({ length: callers }, () => this.#call()));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #call(): Promise<void> {
    const x = { name: 'x', shape: [1, 16], data: new Float32Array(16).fill(0.5) };
    while (!this.#stopped) {
      try {
        await this.#client.infer({ model, inputs: [x] });
        this.answered += 1;
      } catch (thrown) {
        const { code, message } = ServingError.from(thrown);
        this.failures.push(`${code}: ${message}`);
      }
    }
  }
}
