import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpuNs } from '../test/support/process-usage.ts';
import { framed, inferRequest, replySizeBytes } from '../test/support/raw-infer.ts';
import { startServer, type RunningServer, type ServerOptions } from '../test/support/start-server.ts';
import { findProgram } from '../test/support/tools.ts';
import { load, type LoadTarget, type Tools } from './load.ts';
import { workloads, type Workload } from './workloads.ts';

/** Flags of whoever compares loads, for `parseArgs`. */
export const compareFlags = {
  model: { type: 'string', default: 'mlp16' },
  connections: { type: 'string', default: '4' },
  streams: { type: 'string', default: '16' },
  rounds: { type: 'string', default: '9' },
  seconds: { type: 'string', default: '1' },
  /** Those of the servers, and of the load generator; '' for any. */
  cores: { type: 'string', default: '0,1' },
  generator: { type: 'string', default: '1' },
  /** Requests a second, whatever the server could do; 0: a closed loop. */
  rate: { type: 'string', default: '0' },
  /** Seconds of the same load before each measurement: what has saved up room while others were measured has spent it then. */
  settle: { type: 'string', default: '0' },
} as const;

export type CompareFlags = Readonly<Record<keyof typeof compareFlags, string>>;

/** What is to be measured; the first one is what the others are compared with. */
export interface Candidate {
  readonly name: string;
  /** Candidates with the same object share a process, so that only what differs between their models does. */
  readonly server: Omit<ServerOptions, 'prefix'>;
  /** Asked in place of the workload's. */
  readonly model?: string;
}

interface Contender {
  readonly name: string;
  readonly server: RunningServer;
  readonly target: LoadTarget;
  readonly rates: number[];
  readonly cpuUs: number[];
  /** Of all threads. */
  readonly processCpuUs: number[];
}

/** The same closed loop on several servers or models in turn, round by round, so that whatever else the machine does meets all of them alike. */
export async function compareLoads(candidates: readonly Candidate[], flags: CompareFlags): Promise<void> {
  const workload = chooseWorkload(flags);
  const tools = findTools(Number(flags.rate) / workload.connections, flags.generator);
  const scratch = mkdtempSync(join(tmpdir(), 'tensorgate-bench-'));
  process.once('exit', () => rmSync(scratch, { recursive: true }));
  await using servers = new AsyncDisposableStack();
  const contenders: Contender[] = [];
  const running = new Map<object, RunningServer>();
  for (const candidate of candidates) {
    const server =
      running.get(candidate.server) ??
      servers.use(await startServer({ ...candidate.server, prefix: pinnedTo(flags.cores) }));
    running.set(candidate.server, server);
    contenders.push(await contenderOf(candidate, server, { workload, scratch }));
  }
  const settle = Number(flags.settle);
  // The first rounds warm up and find how many requests fill the time.
  for (let round = -2; round < Number(flags.rounds); round++) {
    // Each is first as often as the others.
    const turn = (round + 2) % contenders.length;
    for (const contender of [...contenders.slice(turn), ...contenders.slice(0, turn)]) {
      if (round === 0) {
        const rate = contender.rates.at(-1) ?? 0;
        contender.rates.length = 0;
        contender.cpuUs.length = 0;
        contender.processCpuUs.length = 0;
        await measure(contender, { tools, workload, requests: Math.round(rate * Number(flags.seconds)) });
      } else {
        const rate = contender.rates.at(-1) ?? 20_000;
        if (settle > 0) await load(tools, workload, contender.target, Math.round(rate * settle));
        await measure(contender, { tools, workload, requests: Math.round(rate * Number(flags.seconds)) });
      }
    }
  }
  report(contenders, workload);
}

async function measure(
  { server, target, rates, cpuUs, processCpuUs }: Contender,
  {
    tools,
    workload,
    requests,
  }: { readonly tools: Tools; readonly workload: Workload; readonly requests: number },
): Promise<void> {
  const before = servingNs(server.pid);
  const allBefore = cpuNs(server.pid);
  const { seconds } = await load(tools, workload, target, requests);
  rates.push(requests / seconds);
  cpuUs.push((servingNs(server.pid) - before) / 1000 / requests);
  processCpuUs.push((cpuNs(server.pid) - allBefore) / 1000 / requests);
}

function report(contenders: readonly Contender[], { model, connections, streams }: Workload): void {
  const [base] = contenders;
  const width = Math.max(...contenders.map(({ name }) => name.length));
  console.log(`${model}, ${connections} x ${streams}; changes are medians of rounds`);
  for (const { name, rates, cpuUs, processCpuUs } of contenders) {
    const shown = `${Math.round(median(rates))} req/s, ${median(cpuUs).toFixed(2)} us CPU of the serving thread, least ${Math.min(...cpuUs).toFixed(2)}`;
    const ofAll = `${median(processCpuUs).toFixed(2)} us of all threads`;
    const changes = [
      `${change(rates, base?.rates ?? [])} req/s`,
      `${change(cpuUs, base?.cpuUs ?? [])} CPU of the serving thread`,
      `${change(processCpuUs, base?.processCpuUs ?? [])} of all threads`,
    ].join(', ');
    console.log(`${name.padStart(width)}: ${shown}, ${ofAll}; ${changes}`);
  }
}

function chooseWorkload({ model, connections, streams }: CompareFlags): Workload {
  const shape = workloads.find((workload) => workload.model === model);
  if (shape === undefined) throw new Error(`no workload of ${model}`);
  return { ...shape, connections: Number(connections), streams: Number(streams), generator: 'h2load' };
}

/** @param perConnection requests a second of each connection; 0: as fast as answers come. */
function findTools(perConnection: number, cores: string): Tools {
  const h2load = findProgram('h2load');
  if (h2load.skip !== false) throw new Error(h2load.skip);
  const steady = perConnection > 0 ? ['--rps', `${perConnection}`] : [];
  return { h2load: h2load.path, h2loadFlags: steady, ghz: '', prefix: pinnedTo(cores) };
}

function pinnedTo(cores: string): string[] {
  return cores === '' ? [] : ['taskset', '-c', cores];
}

/** CPU time of the thread that serves: what other threads do is not in it. */
function servingNs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ', 1)[0]);
}

async function contenderOf(
  { name, model }: Candidate,
  server: RunningServer,
  { workload, scratch }: { readonly workload: Workload; readonly scratch: string },
): Promise<Contender> {
  const message = framed(inferRequest({ ...workload, model: model ?? workload.model }));
  const framedFile = join(scratch, name);
  writeFileSync(framedFile, message);
  const size = await replySizeBytes(server.grpcPort, message);
  const target = { port: server.grpcPort, framedFile, messageFile: '', replySizeBytes: size };
  return { name, server, target, rates: [], cpuUs: [], processCpuUs: [] };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** With the middle half of the rounds, as one round alone says little. */
function change(values: readonly number[], base: readonly number[]): string {
  const ratios = values
    .map((value, round) => value / (base[round] ?? Number.NaN) - 1)
    .toSorted((a, b) => a - b);
  const at = (share: number): string =>
    ((ratios[Math.floor(share * (ratios.length - 1))] ?? Number.NaN) * 100).toFixed(1);
  return `${(median(ratios) * 100).toFixed(1)} % (${at(0.25)} to ${at(0.75)})`;
}
