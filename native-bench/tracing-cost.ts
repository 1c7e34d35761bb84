/**
 * What tracing costs calls that are hardly ever recorded: the same load on tensorgate without tracing, with a sampler of 0 %, and with a
 * sampler of 1 %, alternating. The load generator has core 1, which the thread that makes spans may share; the collector is in this process.
 *
 * node native-bench/tracing-cost.ts [--model mlp16] [--connections 4] [--streams 16] [--rounds 9] [--seconds 1] [--ratios off,0,0.01] [--cores 0,1]
 */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { framed, inferRequest, replySizeBytes } from '../test/support/raw-infer.ts';
import { startServer, type RunningServer } from '../test/support/start-server.ts';
import { findProgram } from '../test/support/tools.ts';
import { load, type LoadTarget, type Tools } from './load.ts';
import { type Workload, workloads } from './workloads.ts';

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'mlp16' },
    connections: { type: 'string', default: '4' },
    streams: { type: 'string', default: '16' },
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '1' },
    ratios: { type: 'string', default: 'off,0,0.01' },
    cores: { type: 'string', default: '0,1' },
  },
});

const repository = join(import.meta.dirname, '..', '.tools', 'bench-models');

interface Contender {
  readonly ratio: string;
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
  return { h2load: h2load.path, ghz: '', prefix: ['taskset', '-c', '1'] };
}

/** CPU time of the thread that serves: spans are made on another. */
function servingNs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ', 1)[0]);
}

/** Takes spans and forgets them. */
async function startCollector(): Promise<AsyncDisposable & { readonly endpoint: string }> {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => void response.end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A listening TCP server has an address of this form.
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function startContender(
  ratio: string,
  endpoint: string,
  workload: Workload,
  scratch: string,
): Promise<Contender> {
  const traced = ratio !== 'off';
  const server = await startServer({
    repository,
    args: traced ? ['--trace', 'true'] : [],
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: traced ? ratio : '0',
    },
    prefix: ['taskset', '-c', flags.cores],
  });
  const message = inferRequest(workload);
  const framedFile = join(scratch, ratio);
  writeFileSync(framedFile, framed(message));
  const size = await replySizeBytes(server.grpcPort, framed(message));
  const target = { port: server.grpcPort, framedFile, messageFile: '', replySizeBytes: size };
  return { ratio, server, target, rates: [], cpuUs: [] };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function change(values: readonly number[], base: readonly number[]): string {
  const ratios = values.map((value, round) => value / (base[round] ?? Number.NaN));
  return `${((median(ratios) - 1) * 100).toFixed(1)} %`;
}

async function main(): Promise<void> {
  const workload = chooseWorkload();
  const tools = findTools();
  const scratch = mkdtempSync(join(tmpdir(), 'tensorgate-bench-'));
  process.once('exit', () => rmSync(scratch, { recursive: true }));
  await using servers = new AsyncDisposableStack();
  const collector = servers.use(await startCollector());
  const contenders: Contender[] = [];
  for (const ratio of flags.ratios.split(',')) {
    const contender = await startContender(ratio, collector.endpoint, workload, scratch);
    servers.use(contender.server);
    contenders.push(contender);
  }
  // The first rounds warm up and find how many requests fill the time.
  for (let round = -2; round < Number(flags.rounds); round++) {
    for (const { server, target, rates, cpuUs } of contenders) {
      const requests = Math.round((rates.at(-1) ?? 20_000) * Number(flags.seconds));
      const before = servingNs(server.pid);
      const { seconds } = await load(tools, workload, target, requests);
      if (round === 0) {
        rates.length = 0;
        cpuUs.length = 0;
      }
      rates.push(requests / seconds);
      cpuUs.push((servingNs(server.pid) - before) / 1000 / requests);
    }
  }
  const [base] = contenders;
  console.log(
    `${workload.model}, ${workload.connections} x ${workload.streams}; changes are medians of rounds`,
  );
  for (const { ratio, rates, cpuUs } of contenders) {
    const shown = `${Math.round(median(rates))} req/s, ${median(cpuUs).toFixed(2)} us CPU of the serving thread, least ${Math.min(...cpuUs).toFixed(2)}`;
    const changes = `${change(rates, base?.rates ?? [])} req/s, ${change(cpuUs, base?.cpuUs ?? [])} CPU`;
    console.log(`${ratio.padStart(5)}: ${shown}; ${changes}`);
  }
}

await main();
