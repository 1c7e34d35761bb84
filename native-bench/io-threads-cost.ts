/**
 * What a second I/O thread brings: the same load on tensorgate with one and with two, alternating, nothing pinned, the load
 * generator on the same cores.
 *
 * node native-bench/io-threads-cost.ts [--model mlp784] [--connections 64] [--streams 1] [--rounds 5] [--seconds 2]
 *                                      [--transport h2] [--threads 1,2]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuNs } from '../test/support/process-usage.ts';
import { framed, inferRequest, replySizeBytes } from '../test/support/raw-infer.ts';
import { startServer, type RunningServer } from '../test/support/start-server.ts';
import { findProgram } from '../test/support/tools.ts';
import { load, type LoadTarget, type Tools } from './load.ts';
import { type Workload, workloads } from './workloads.ts';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'mlp784' },
    connections: { type: 'string', default: '64' },
    streams: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    transport: { type: 'string', default: 'h2' },
    threads: { type: 'string', default: '1,2' },
  },
});

const repository = join(import.meta.dirname, '..', '.tools', 'bench-models');

interface Contender {
  readonly threads: string;
  readonly server: RunningServer;
  readonly target: LoadTarget;
  readonly rates: number[];
  readonly cpuUs: number[];
}

function chooseWorkload(): Workload {
  const shape = workloads.find(({ model }) => model === flags.model);
  if (shape === undefined) throw new Error(`no workload of ${flags.model}`);
  const connections = Number(flags.connections);
  return { ...shape, connections, streams: Number(flags.streams), generator: 'h2load' };
}

function findTools(): Tools {
  const h2load = findProgram('h2load');
  if (h2load.skip !== false) throw new Error(h2load.skip);
  return { h2load: h2load.path, ghz: '', prefix: [] };
}

async function startContender(threads: string, workload: Workload, scratch: string): Promise<Contender> {
  const args = ['--io-threads', threads, '--grpc-transport', flags.transport, '--log-level', 'info'];
  const server = await startServer({ repository, args });
  const message = inferRequest(workload);
  const framedFile = join(scratch, threads);
  writeFileSync(framedFile, framed(message));
  const size = await replySizeBytes(server.grpcPort, framed(message));
  const target = { port: server.grpcPort, framedFile, messageFile: '', replySizeBytes: size };
  return { threads, server, target, rates: [], cpuUs: [] };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function main(): Promise<void> {
  const workload = chooseWorkload();
  const tools = findTools();
  const scratch = mkdtempSync(join(tmpdir(), 'tensorgate-bench-'));
  process.once('exit', () => rmSync(scratch, { recursive: true }));
  await using servers = new AsyncDisposableStack();
  const contenders: Contender[] = [];
  for (const threads of flags.threads.split(',')) {
    const contender = await startContender(threads, workload, scratch);
    servers.use(contender.server);
    contenders.push(contender);
  }
  // The first round warms up and finds how many requests fill the time.
  for (let round = 0; round <= Number(flags.rounds); round++) {
    for (const { server, target, rates, cpuUs } of contenders) {
      const requests = Math.round((rates.at(-1) ?? 20_000) * Number(flags.seconds));
      const before = cpuNs(server.pid);
      const { seconds } = await load(tools, workload, target, requests);
      if (round === 1) {
        rates.length = 0;
        cpuUs.length = 0;
      }
      rates.push(requests / seconds);
      cpuUs.push((cpuNs(server.pid) - before) / 1000 / requests);
    }
  }
  const base = median(contenders[0]?.rates ?? []);
  console.log(`${workload.model}, ${workload.connections} x ${workload.streams}, ${flags.transport}`);
  for (const { threads, rates, cpuUs } of contenders) {
    const rate = median(rates);
    const list = rates.map((value) => Math.round(value)).join(' ');
    console.log(
      `${threads} I/O threads: ${Math.round(rate)} req/s (${list}), ${median(cpuUs).toFixed(1)} us CPU, x${(rate / base).toFixed(2)}`,
    );
  }
}

await main();
