import { execFile, execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createClient, type Client } from '../../src/client/client.ts';
import { cpuNs } from '../../test/support/process-usage.ts';
import { framed, inferRequest } from '../../test/support/raw-infer.ts';
import { type RunningServer, startServer } from '../../test/support/start-server.ts';
import { findPython } from '../../test/support/tools.ts';
import { busyMs, calm } from './machine-load.ts';
import type { LoadPlan, LoadResult, LoadStream, StreamResult } from './load-plan.ts';

const execute = promisify(execFile);

export interface BarsSetup {
  /** Where models and request files may be written. */
  readonly folder: string;
  readonly serverPrefix: readonly string[];
  /** As `serverPrefix`, for a server whose model has a core of its own and whose serving thread shares one with the load. */
  readonly widePrefix: readonly string[];
  readonly loadPrefix: readonly string[];
  /** Told, for each measurement, what share of a core other processes took. */
  readonly note: (foreignShare: number) => void;
}

/** A model of the repository: one of the made networks under a name and with a configuration of its own. */
export interface BarsModel {
  readonly name: string;
  readonly network: 'mlp784' | 'dense';
  readonly config: string;
}

const inputs = { mlp784: [784], dense: [16] } as const;

/** What other processes may take of a core during a measurement. */
export const bearableShare = 0.15;
/** How often a measurement is taken until they take less. */
const mostAttempts = 4;

const oneThread = 'parameters { key: "intra_op_thread_count" value: { string_value: "1" } }\n';

/** What became of a load. */
export interface Loaded extends LoadResult {
  /** Rows that the model of the first stream executed for it. */
  readonly executedRows: number;
}

/** A tensorgate of its own and what it takes to load it. */
export class BarsServer implements AsyncDisposable {
  readonly #setup: BarsSetup;
  readonly #server: RunningServer;
  readonly #client: Client;

  private constructor(setup: BarsSetup, server: RunningServer) {
    this.#setup = setup;
    this.#server = server;
    this.#client = createClient({ address: server.grpcAddress });
  }

  /** @param prefix words before the command line: one of the setup's. */
  static async start(
    setup: BarsSetup,
    name: string,
    { models, prefix }: { readonly models: readonly BarsModel[]; readonly prefix: readonly string[] },
  ): Promise<BarsServer> {
    const repository = join(setup.folder, name);
    for (const model of models) putModel(setup, repository, model);
    const server = await startServer({ repository, prefix });
    return new BarsServer(setup, server);
  }

  get pid(): number {
    return this.#server.pid;
  }

  /**
   * The streams together, by a generator in a process of its own: when the machine is calm, and again when it was not.
   */
  async load(plan: Omit<LoadPlan, 'port'>): Promise<Loaded> {
    const [model = ''] = plan.streams.map(({ name }) => name);
    for (let attempt = 1; ; attempt++) {
      await calm();
      const { rows } = await this.executed(model);
      const before = { busyMs: busyMs(), serverMs: cpuNs(this.pid) / 1e6, own: process.cpuUsage() };
      const startedAt = performance.now();
      const result = await this.#generate(plan);
      const own = process.cpuUsage(before.own);
      const ourMs = result.cpuMs + (own.user + own.system) / 1000 + cpuNs(this.pid) / 1e6 - before.serverMs;
      const foreign = (busyMs() - before.busyMs - ourMs) / (performance.now() - startedAt);
      if (foreign > bearableShare && attempt < mostAttempts) continue;
      this.#setup.note(foreign);
      return { ...result, executedRows: (await this.executed(model)).rows - rows };
    }
  }

  async #generate(plan: Omit<LoadPlan, 'port'>): Promise<LoadResult> {
    const text = JSON.stringify({ ...plan, port: this.#server.grpcPort });
    const script = join(import.meta.dirname, 'generate-load.ts');
    const words = [...this.#setup.loadPrefix, process.execPath, script, text];
    const [program = process.execPath, ...args] = words;
    const { stdout } = await execute(program, args, { timeout: 120_000 });
    const result: LoadResult = JSON.parse(stdout);
    return result;
  }

  /** One stream for so many seconds, after a warm-up: longer for open loops, at whose beginning the door has to learn. */
  async one(
    stream: Partial<LoadStream> & Pick<LoadStream, 'name' | 'pace'>,
    seconds: number,
  ): Promise<StreamResult> {
    const { streams } = await this.load({
      warmUpMs: stream.pace.kind === 'closed' ? 300 : 1000,
      measureMs: seconds * 1000,
      streams: [this.stream(stream)],
    });
    const [result] = streams;
    if (result === undefined) throw new Error('bug: no stream');
    return result;
  }

  /** @param stream its name is that of a model. */
  stream(stream: Partial<LoadStream> & Pick<LoadStream, 'name' | 'pace'>): LoadStream {
    const framedFile = join(this.#setup.folder, `${stream.name}.framed`);
    return { framedFile, connections: 4, timeoutsMs: [], cancelAfterMs: 0, ...stream };
  }

  /** Rows that the model has executed so far, and the mean milliseconds of a batch. */
  async executed(model: string): Promise<{ readonly rows: number; readonly batchMs: number }> {
    const [counters] = await this.#client.statistics(model);
    let rows = 0;
    let batches = 0;
    let ns = 0;
    for (const { batchSize, computeInfer } of counters?.batches ?? []) {
      rows += batchSize * computeInfer.count;
      batches += computeInfer.count;
      ns += computeInfer.ns;
    }
    return { rows, batchMs: batches === 0 ? 0 : ns / batches / 1e6 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client[Symbol.dispose]();
    await this.#server[Symbol.asyncDispose]();
  }
}

function putModel(setup: BarsSetup, repository: string, { name, network, config }: BarsModel): void {
  const folder = join(repository, name);
  mkdirSync(join(folder, '1'), { recursive: true });
  copyFileSync(join(setup.folder, 'networks', network, '1', 'model.onnx'), join(folder, '1', 'model.onnx'));
  writeFileSync(join(folder, 'config.pbtxt'), `${config}\n${oneThread}`);
  const message = inferRequest({ model: name, input: 'input', dims: inputs[network] });
  writeFileSync(join(setup.folder, `${name}.framed`), framed(message));
}

/** Makes the networks that the models of a repository are copies of. */
export function makeNetworks(folder: string): void {
  const python = findPython();
  if (python.skip !== false) throw new Error(python.skip);
  const script = join(import.meta.dirname, '..', 'make-models.py');
  execFileSync(python.path, [script, join(folder, 'networks'), 'mlp784', 'dense']);
}
