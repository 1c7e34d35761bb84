import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient, type Client } from '../../src/client/client.ts';
import type { CallOptions, ClientParameter, InferAnswer } from '../../src/client/types.ts';
import { fixtureModel } from './build-batch.ts';
import { heldValues } from './held-session.ts';
import { RepositoryFolder } from './repository-folder.ts';
import { startServer, type RunningServer } from './start-server.ts';
import { TemporaryFolder } from './temporary-folder.ts';

const preload = join(import.meta.dirname, 'hold-sessions.ts');

/** A value for which the run fails. */
export const poison = -5;

export interface HeldRequest extends CallOptions {
  /** One row each: how many rounds it computes, and what it answers. */
  readonly values: readonly number[];
  readonly parameters?: Readonly<Record<string, ClientParameter>>;
}

/** A server whose models compute as long as a request says, and a view of what waits and runs there. */
export class HeldModels implements AsyncDisposable {
  readonly client: Client;
  readonly server: RunningServer;
  readonly #folder: RepositoryFolder;
  /** A file for each run that is not held any more; without the folder none is. */
  readonly #holds: TemporaryFolder;
  #lastHeld = heldValues.first - 1;

  private constructor(folder: RepositoryFolder, holds: TemporaryFolder, server: RunningServer) {
    this.#folder = folder;
    this.#holds = holds;
    this.server = server;
    this.client = createClient({ address: server.grpcAddress });
  }

  /** @param configs by model; each is the fixture `hold`, or the one that a name before a dot says. */
  static async start(
    configs: Readonly<Record<string, string>>,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<HeldModels> {
    const folder = new RepositoryFolder();
    const holds = new TemporaryFolder();
    try {
      for (const [name, config] of Object.entries(configs)) {
        const fixture = name.includes('.') ? name.split('.', 1).join() : 'hold';
        folder.put(`${name}/1/model.onnx`, readFileSync(fixtureModel(fixture)));
        folder.put(`${name}/config.pbtxt`, config);
      }
      const server = await startServer({
        repository: folder.path,
        args: ['--placement', 'thread', '--metrics-interval-ms', '1', ...args],
        env: { NODE_OPTIONS: `--import=${preload}`, HOLDS: holds.path, ...env },
      });
      return new HeldModels(folder, holds, server);
    } catch (error) {
      folder[Symbol.dispose]();
      holds[Symbol.dispose]();
      throw error;
    }
  }

  infer(model: string, { values, parameters = {}, ...options }: HeldRequest): Promise<InferAnswer> {
    const data = BigInt64Array.from(values, BigInt);
    const inputs = [{ name: 'x', shape: [values.length, 1], data }];
    return this.client.infer({ model, inputs, parameters }, options);
  }

  /** Occupies an instance of the model until `release`, which resolves with the answer; resolves once it runs. */
  async hold(model: string): Promise<{ release(): Promise<InferAnswer> }> {
    const running = await this.reading(model, 'tensorgate_running_batches');
    const value = ++this.#lastHeld;
    assert.ok(value <= heldValues.last, 'more runs are held than there are values for it');
    const answer = this.infer(model, { values: [value] });
    await this.until(model, 'tensorgate_running_batches', running + 1);
    return {
      release: () => {
        this.#holds.write(String(value), '');
        return answer;
      },
    };
  }

  /** Resolves once so many requests wait for the model. */
  async waiting(model: string, requests: number): Promise<void> {
    await this.until(model, 'tensorgate_queue_requests', requests);
  }

  /** Resolves once a metric of the model has a value; rejects after a minute. */
  async until(model: string, metric: string, value: number): Promise<void> {
    const signal = AbortSignal.timeout(60_000);
    for (;;) {
      const now = await this.reading(model, metric);
      if (now === value) return;
      if (signal.aborted) throw new Error(`${metric} of ${model} is ${now}, not ${value}`);
    }
  }

  /** The folder to which who holds runs by a client of its own adds a file for each that it lets go, named by its value. */
  get holdsFolder(): string {
    return this.#holds.path;
  }

  /** A metric of the model; 0 while it has none. @param label such as `reason="full"`. */
  async reading(model: string, metric: string, label = ''): Promise<number> {
    const response = await fetch(`http://${this.server.metricsAddress}/metrics`);
    const lines = (await response.text()).split('\n');
    const line = lines.find(
      (each) =>
        each.startsWith(`${metric}{model="${model}"`) && each.includes(label) && !each.startsWith('#'),
    );
    return Number(line?.split(' ').at(-1) ?? 0);
  }

  /** Rows that the model has executed. */
  async executedRows(model: string): Promise<number> {
    const [counters] = await this.client.statistics(model);
    return counters?.inferenceCount ?? 0;
  }

  /** Rows of the batches that the model has run, with how often each, such as `4x1`. */
  async batches(model: string): Promise<readonly string[]> {
    const [counters] = await this.client.statistics(model);
    return (counters?.batches ?? []).map(
      ({ batchSize, computeInfer }) => `${batchSize}x${computeInfer.count}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client[Symbol.dispose]();
    this.#holds[Symbol.dispose]();
    try {
      await this.server[Symbol.asyncDispose]();
    } finally {
      this.#folder[Symbol.dispose]();
    }
  }
}

/** What a model answered, by rows. */
export function valuesOf(answer: InferAnswer): readonly number[] {
  const data = answer.outputs.find(({ name }) => name === 'y')?.data;
  assert.ok(data instanceof Float32Array, 'there is no output y');
  return Array.from(data);
}
