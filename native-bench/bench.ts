/** Measures tensorgate beside a native server that does the same work, alternating within one run. `--help` tells its options. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findProgram, findPython } from '../test/support/tools.ts';
import { percent, renderBars } from './bars/bar.ts';
import { bearableShare } from './bars/bars-server.ts';
import { measureBatchingBars } from './bars/batching-bars.ts';
import { latencies, load, type LoadTarget, type Tools } from './load.ts';
import { measureMixedLoad, type MixedSample } from './mixed-load.ts';
import { cpuNs, rssBytes } from '../test/support/process-usage.ts';
import { type BareRun, machine, renderReport, type Report, type Sample } from './report.ts';
import { framed, inferRequest, replySizeBytes } from '../test/support/raw-infer.ts';
import { bareRunUs, type BenchServer, serverNames, type ServerSetup, startBenchServer } from './servers.ts';
import { describe, inFlight, quickWorkloads, type Workload, workloads } from './workloads.ts';

const usage = `npm run bench -- [options]     (first: npm run bench:build)

Measures tensorgate and the native server in turns within one run, prints the tables of docs/benchmarks.md,
and keeps all samples below .tools/bench.

  --quick            one round of half a second, four workloads, no bars
  --rounds N         rounds of each workload; default 5
  --seconds N        length of a measurement; default 1.5
  --only TEXT        workloads whose name contains it, such as mlp16 or "4 x 16"
  --server NAME      these alone, more than once: ${serverNames.map((name) => `"${name}"`).join(', ')}
  --bars KIND        batching: the scheduler's bars alone; none: without them
  --args "FLAGS"     more flags for tensorgate
  --no-pin           servers and load generators are not bound to a core each
  --json FILE        where the samples go
`;

const { values: flags } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    pin: { type: 'boolean', default: availableParallelism() > 1 },
    only: { type: 'string', default: '' },
    server: { type: 'string', multiple: true },
    json: { type: 'string' },
    args: { type: 'string', default: '' },
    bars: { type: 'string', default: '' },
  },
  allowNegative: true,
});
if (flags.help) {
  process.stdout.write(usage);
  process.exit();
}
const rounds = Number(flags.rounds ?? (flags.quick ? 1 : 5));
const seconds = Number(flags.seconds ?? (flags.quick ? 0.5 : 1.5));
const taskset = findProgram('taskset');
const pinned = flags.pin && taskset.skip === false;
const pinTo = (core: number): readonly string[] => (pinned ? [taskset.path, '-c', `${core}`] : []);
const chosenServers = serverNames.filter((name) =>
  flags.server === undefined
    ? !(flags.quick && (name === 'native direct' || name === 'bare echo'))
    : flags.server.includes(name),
);
const chosenWorkloads = (flags.quick ? quickWorkloads : workloads).filter((workload) =>
  describe(workload).includes(flags.only),
);
const toolsFolder = join(import.meta.dirname, '..', '.tools');

function makeModels(): string {
  const repository = join(toolsFolder, 'bench-models');
  const python = findPython();
  if (python.skip !== false) throw new Error(python.skip);
  execFileSync(python.path, [join(import.meta.dirname, 'make-models.py'), repository]);
  return repository;
}

function findTools(): Tools {
  const h2load = findProgram('h2load');
  const ghz = findProgram('ghz');
  const missing = [h2load, ghz].find(({ skip }) => skip !== false);
  if (missing !== undefined) throw new Error(String(missing.skip));
  return { h2load: h2load.path, ghz: ghz.path, prefix: pinTo(1) };
}

/** The transport alone is measured under the load that it dominates. */
const echoedModel = 'mlp16';

interface Measured {
  readonly server: BenchServer;
  readonly target: LoadTarget;
  readonly idleRssBytes: number;
}

async function rate(tools: Tools, workload: Workload, target: LoadTarget, count: number): Promise<number> {
  const { requests, seconds: took } = await load(tools, workload, target, count);
  return requests / took;
}

/** Enough load for the just-in-time compiler to be done; returns the requests per second at the end. */
async function warmUp(tools: Tools, workload: Workload, target: LoadTarget): Promise<number> {
  let perSecond = await rate(tools, workload, target, 2 * inFlight(workload));
  for (const share of [0.1, 0.3, 0.6]) {
    perSecond = await rate(tools, workload, target, Math.ceil(perSecond * share));
  }
  return perSecond;
}

async function measure(tools: Tools, workload: Workload, round: number, measured: Measured): Promise<Sample> {
  const { server, target, idleRssBytes } = measured;
  const perSecond = await warmUp(tools, workload, target);
  const before = cpuNs(server.pid);
  const { requests, seconds: took } = await load(tools, workload, target, Math.ceil(perSecond * seconds));
  const cpuUs = (cpuNs(server.pid) - before) / 1000;
  const latency =
    workload.generator === 'ghz'
      ? { p50Us: Number.NaN, p99Us: Number.NaN }
      : await latencies(tools, workload, target, Math.ceil(perSecond * Math.min(0.5, seconds)));
  return {
    workload: describe(workload),
    inFlight: inFlight(workload),
    server: server.name,
    round,
    requestsPerSecond: requests / took,
    cpuUsPerRequest: cpuUs / requests,
    ...latency,
    addedRssBytes: rssBytes(server.pid) - idleRssBytes,
  };
}

/** Files of one row for a model, in a folder that lives as long as the measurement. */
function requestFiles(
  scratch: string,
  { model, input, dims }: Workload,
): Omit<LoadTarget, 'port' | 'replySizeBytes'> {
  const message = inferRequest({ model, input, dims });
  const files = {
    framedFile: join(scratch, `${model}.framed`),
    messageFile: join(scratch, `${model}.message`),
  };
  writeFileSync(files.framedFile, framed(message));
  writeFileSync(files.messageFile, message);
  return files;
}

async function targetOf(server: BenchServer, scratch: string, workload: Workload): Promise<LoadTarget> {
  const files = requestFiles(scratch, workload);
  const size = await replySizeBytes(server.port, readFileSync(files.framedFile));
  return { port: server.port, ...files, replySizeBytes: size };
}

async function measureModel(
  tools: Tools,
  scratch: string,
  setup: ServerSetup,
  ofModel: readonly Workload[],
): Promise<Sample[]> {
  await using servers = new AsyncDisposableStack();
  const samples: Sample[] = [];
  const measured: Measured[] = [];
  for (const name of chosenServers) {
    if (name === 'bare echo' && setup.model !== echoedModel) continue;
    const server = servers.use(await startBenchServer(name, setup));
    const idleRssBytes = rssBytes(server.pid);
    const [first] = ofModel;
    if (first !== undefined)
      measured.push({ server, idleRssBytes, target: await targetOf(server, scratch, first) });
  }
  for (let round = 1; round <= rounds; round += 1) {
    for (const workload of ofModel) {
      for (const one of measured) samples.push(await measure(tools, workload, round, one));
    }
    process.stderr.write(`${setup.model}: round ${round} of ${rounds}\n`);
  }
  return samples;
}

/** Tensorgate only: the native server serves one model. */
async function measureMixed(tools: Tools, scratch: string, setup: ServerSetup): Promise<MixedSample[]> {
  await using servers = new AsyncDisposableStack();
  const samples: MixedSample[] = [];
  const small = workloads.find(({ model }) => model === 'mlp16');
  const large = workloads.find(({ model }) => model === 'identity');
  if (small === undefined || large === undefined) throw new Error('bug: no workloads to mix');
  for (const name of chosenServers.filter((server) => server.startsWith('tensorgate'))) {
    const server = servers.use(await startBenchServer(name, setup));
    const targets = [await targetOf(server, scratch, small), await targetOf(server, scratch, large)] as const;
    for (let round = 1; round <= rounds; round += 1) {
      samples.push({ server: name, round, ...(await measureMixedLoad(tools, ...targets)) });
    }
  }
  return samples;
}

/** Decoding a request of `mlp16` and encoding its answer. */
function codecUs(): number {
  const script = join(import.meta.dirname, 'codec-cost.ts');
  const [command, ...words] = [...pinTo(0), process.execPath, script, '64'];
  const lines = execFileSync(command, words, { encoding: 'utf8' }).split('\n');
  const ns = (name: string): number => Number(lines.find((line) => line.startsWith(name))?.split(': ')[1]);
  return (ns('decode, skeleton (ns)') + ns('encode:')) / 1000;
}

/** The bars of the scheduler, as a table. */
async function measureBars(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-bars-'));
  const foreign: number[] = [];
  try {
    const setup = {
      folder,
      serverPrefix: pinTo(0),
      widePrefix: [],
      loadPrefix: pinTo(1),
      note: (share: number) => void foreign.push(share),
    };
    const bars = await measureBatchingBars(setup, { rounds, seconds });
    const disturbed = foreign.filter((share) => share > bearableShare).length;
    const worst = percent(Math.max(...foreign));
    return `${renderBars(bars)}\n\n${disturbed} of ${foreign.length} measurements disturbed by other work, at worst ${worst} of a core.`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function main(): Promise<void> {
  if (flags.bars === 'batching') {
    console.log(`${machine()}, Node ${process.versions.node}, ${rounds} rounds\n\n${await measureBars()}`);
    return;
  }
  const startedAt = new Date().toISOString();
  const tools = findTools();
  const repository = makeModels();
  const scratch = mkdtempSync(join(tmpdir(), 'tensorgate-bench-'));
  process.once('exit', () => rmSync(scratch, { recursive: true }));
  const samples: Sample[] = [];
  const bareRuns: BareRun[] = [];
  const more = flags.args.split(' ').filter(Boolean);
  const setupOf = (model: string): ServerSetup => ({ repository, model, prefix: pinTo(0), args: more });
  for (const [model, ofModel] of Map.groupBy(chosenWorkloads, (workload) => workload.model)) {
    const setup = setupOf(model);
    samples.push(...(await measureModel(tools, scratch, setup, ofModel)));
    for (const rows of flags.quick ? [1] : [1, 4, 8, 16, 32]) {
      bareRuns.push({ model, rows, usPerRow: (await bareRunUs(setup, rows, 0.5)) / rows });
    }
  }
  const report: Report = {
    codecUs: codecUs(),
    machine: machine(),
    node: process.versions.node,
    startedAt,
    pinned,
    rounds,
    bareRuns,
    samples,
    mixed: flags.only === '' ? await measureMixed(tools, scratch, setupOf('mlp16')) : [],
  };
  mkdirSync(join(toolsFolder, 'bench'), { recursive: true });
  const file = flags.json ?? join(toolsFolder, 'bench', `${startedAt.replaceAll(':', '-')}.json`);
  writeFileSync(file, JSON.stringify(report, null, 2));
  console.log(renderReport(report));
  if (!flags.quick && flags.only === '' && flags.bars !== 'none') console.log(`\n${await measureBars()}`);
  console.log(`\nAll samples: ${file}`);
}

await main();
