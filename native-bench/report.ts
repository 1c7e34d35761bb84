import { cpus, release, totalmem } from 'node:os';
import type { MixedSample } from './mixed-load.ts';
import type { ServerName } from './servers.ts';

/** One measured run of one server under one workload. */
export interface Sample {
  readonly workload: string;
  readonly inFlight: number;
  readonly server: ServerName;
  readonly round: number;
  readonly requestsPerSecond: number;
  /** User and system time of the server process, all threads, per request. */
  readonly cpuUsPerRequest: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Resident memory after the run, above what the idle process had. */
  readonly addedRssBytes: number;
}

export interface BareRun {
  readonly model: string;
  readonly rows: number;
  readonly usPerRow: number;
}

export interface Report {
  /** Of decoding a request of `mlp16` and encoding its answer. */
  readonly codecUs: number;
  readonly machine: string;
  readonly node: string;
  readonly startedAt: string;
  readonly pinned: boolean;
  readonly rounds: number;
  readonly bareRuns: readonly BareRun[];
  readonly samples: readonly Sample[];
  readonly mixed: readonly MixedSample[];
}

export function machine(): string {
  const [first] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} x ${first?.model.trim() ?? 'unknown CPU'}, ${memory} GiB, Linux ${release()}`;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  const high = sorted[Math.floor(middle)] ?? Number.NaN;
  return (low + high) / 2;
}

function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}

/** The peer that a row's ratio is taken to: the same one for all servers. */
const peer: ServerName = 'native batched';

function row(samples: readonly Sample[], peerCpuUs: number): string {
  const [first] = samples;
  const cpu = samples.map((sample) => sample.cpuUsPerRequest);
  const cells = [
    first?.workload ?? '',
    first?.server ?? '',
    figure(median(samples.map((sample) => sample.requestsPerSecond))),
    `${figure(Math.min(...cpu))} / ${figure(median(cpu))}`,
    figure(median(cpu) / peerCpuUs),
    figure(median(samples.map((sample) => sample.p50Us))),
    figure(median(samples.map((sample) => sample.p99Us))),
    `${Math.round(Math.max(...samples.map((sample) => sample.addedRssBytes)) / 2 ** 20)}`,
  ];
  return `| ${cells.join(' | ')} |`;
}

/** Markdown: one row for each workload and server. */
export function renderReport(report: Report): string {
  const lines = [
    `${report.machine}, Node ${report.node}, ${report.startedAt}, ${report.rounds} rounds`,
    report.pinned
      ? 'Servers on core 0, load generators on core 1.'
      : 'Servers and load generators not pinned.',
    '',
    '| model, connections x streams | server | req/s | CPU µs/request: min / median | of native | p50 µs | p99 µs | RSS + MiB |',
    '|---|---|---|---|---|---|---|---|',
  ];
  for (const [, ofWorkload] of Map.groupBy(report.samples, (sample) => sample.workload)) {
    const ofServer = Map.groupBy(ofWorkload, (sample) => sample.server);
    const peerCpuUs = median((ofServer.get(peer) ?? []).map((sample) => sample.cpuUsPerRequest));
    for (const [, samples] of ofServer) lines.push(row(samples, peerCpuUs));
  }
  lines.push('', '| ONNX Runtime alone | rows | µs/row |', '|---|---|---|');
  for (const { model, rows, usPerRow } of report.bareRuns) {
    lines.push(`| ${model} | ${rows} | ${figure(usPerRow)} |`);
  }
  lines.push(...renderAdded(report));
  if (report.mixed.length > 0) lines.push('', ...renderMixed(report.mixed));
  return lines.join('\n');
}

/** What everything between codec and model costs: what tensorgate needs more than an echo on its transport. */
function renderAdded({ samples, bareRuns, codecUs }: Report): string[] {
  const workload = 'mlp16 4 x 16';
  const cpuUs = (server: ServerName): number =>
    median(
      samples
        .filter((sample) => sample.workload === workload && sample.server === server)
        .map(({ cpuUsPerRequest }) => cpuUsPerRequest),
    );
  const [whole, echo] = [cpuUs('tensorgate h2'), cpuUs('bare echo')];
  const runtime =
    bareRuns.find(({ model, rows }) => model === 'mlp16' && rows === 16)?.usPerRow ?? Number.NaN;
  const added = whole - echo - codecUs - runtime;
  if (!Number.isFinite(added)) return [];
  const parts = `bare echo ${figure(echo)}, codec ${figure(codecUs)}, ONNX Runtime ${figure(runtime)}`;
  return [
    '',
    `${workload}, CPU µs/request: ${figure(whole)}, of it ${parts}; everything else ${figure(added)}`,
  ];
}

function renderMixed(samples: readonly MixedSample[]): string[] {
  const lines = [
    '| 2,000 small requests a second: p99 µs | alone | beside 100 of 600 kB a second | ratio |',
    '|---|---|---|---|',
  ];
  for (const [server, ofServer] of Map.groupBy(samples, (sample) => sample.server)) {
    const alone = median(ofServer.map((sample) => sample.aloneP99Us));
    const mixed = median(ofServer.map((sample) => sample.mixedP99Us));
    lines.push(`| ${server} | ${figure(alone)} | ${figure(mixed)} | ${figure(mixed / alone)} |`);
  }
  return lines;
}
