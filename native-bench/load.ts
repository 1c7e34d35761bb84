import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inferPath } from '../test/support/raw-infer.ts';
import { type Workload, inFlight } from './workloads.ts';

const execute = promisify(execFile);
const protoFolder = join(import.meta.dirname, '..', 'proto');

export interface LoadTarget {
  readonly port: number;
  /** File with the framed request, and the bare message for ghz. */
  readonly framedFile: string;
  readonly messageFile: string;
  readonly replySizeBytes: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
}

export interface Latencies {
  readonly p50Us: number;
  readonly p99Us: number;
}

export interface Tools {
  readonly h2load: string;
  readonly ghz: string;
  /** Words before the load generator's command line, to pin it. */
  readonly prefix: readonly string[];
  /** Before h2load's other arguments, where only the load counts, not latencies. */
  readonly h2loadFlags?: readonly string[];
}

async function run(tools: Tools, command: string, args: readonly string[]): Promise<string> {
  const [program, ...rest] = [...tools.prefix, command, ...args];
  if (program === undefined) throw new Error('bug: empty command');
  const { stdout } = await execute(program, rest, { maxBuffer: 64 << 20, timeout: 120_000 });
  return stdout;
}

function h2loadArguments(
  workload: Pick<Workload, 'connections' | 'streams'>,
  target: LoadTarget,
  requests: number,
): string[] {
  // Windows of 4 MB: with the 64 KB of the protocol's default, large messages would measure round trips.
  const load = `-t 1 -w 22 -W 22 -c ${workload.connections} -m ${workload.streams} -n ${requests}`;
  const headers = ['-H', 'content-type: application/grpc', '-H', 'te: trailers'];
  const url = `http://127.0.0.1:${target.port}${inferPath}`;
  return [...load.split(' '), ...headers, '-d', target.framedFile, url];
}

/** Fails unless every request was answered with a message of the expected size. */
function checkH2load(output: string, target: LoadTarget, requests: number): number {
  const seconds = /^finished in ([\d.]+)(ms|s|us),/m.exec(output);
  const succeeded = Number(/(\d+) succeeded/.exec(output)?.[1]);
  const dataBytes = Number(/\((\d+)\) data$/m.exec(output)?.[1]);
  if (succeeded !== requests) throw new Error(`only ${succeeded} of ${requests} requests were answered`);
  if (dataBytes !== requests * target.replySizeBytes) {
    throw new Error(`${dataBytes} bytes for ${requests} requests: some answers were errors`);
  }
  const scale = { s: 1, ms: 1e-3, us: 1e-6 }[seconds?.[2] ?? 's'] ?? 1;
  return Number(seconds?.[1]) * scale;
}

async function runH2load(tools: Tools, workload: Workload, target: LoadTarget, requests: number) {
  const output = await run(tools, tools.h2load, [
    ...(tools.h2loadFlags ?? []),
    ...h2loadArguments(workload, target, requests),
  ]);
  return { requests, seconds: checkH2load(output, target, requests) };
}

async function runGhz(tools: Tools, workload: Workload, target: LoadTarget, requests: number) {
  const { connections } = workload;
  const load = `-c ${inFlight(workload)} --connections ${connections} -n ${requests} --cpus 1`;
  const call = '--insecure --format json --call inference.GRPCInferenceService.ModelInfer';
  const files = ['--proto', join(protoFolder, 'grpc_service.proto'), '--import-paths', protoFolder];
  const address = `127.0.0.1:${target.port}`;
  const args = [
    ...load.split(' '),
    ...call.split(' '),
    ...files,
    '--binary-file',
    target.messageFile,
    address,
  ];
  const output = await run(tools, tools.ghz, args);
  const report: { count: number; total: number; statusCodeDistribution: Record<string, number> } =
    JSON.parse(output);
  if (report.statusCodeDistribution['OK'] !== requests) throw new Error('some answers were errors');
  return { requests, seconds: report.total / 1e9 };
}

/** Exactly `requests` requests, all answered. */
export function load(
  tools: Tools,
  workload: Workload,
  target: LoadTarget,
  requests: number,
): Promise<LoadResult> {
  // Every connection needs at least one request.
  const count = Math.max(requests, inFlight(workload));
  return workload.generator === 'ghz'
    ? runGhz(tools, workload, target, count)
    : runH2load(tools, workload, target, count);
}

/** Latencies of a run of its own: writing down every request slows the load generator. */
export function latencies(tools: Tools, workload: Workload, target: LoadTarget, requests: number) {
  const count = Math.max(requests, inFlight(workload));
  return timed(tools, h2loadArguments(workload, target, count), `${target.framedFile}.log`);
}

/** Latencies at a steady rate, whatever the server does. */
export function latenciesAtRate(
  tools: Tools,
  target: LoadTarget,
  requestsPerSecond: number,
  seconds: number,
): Promise<Latencies> {
  const workload = { connections: 4, streams: 32 };
  const args = h2loadArguments(workload, target, requestsPerSecond * seconds);
  return timed(
    tools,
    ['--rps', `${requestsPerSecond / workload.connections}`, ...args],
    `${target.framedFile}.log`,
  );
}

async function timed(tools: Tools, args: readonly string[], file: string): Promise<Latencies> {
  await rm(file, { force: true });
  await run(tools, tools.h2load, [...args, '--log-file', file]);
  const lines = (await readFile(file, 'latin1')).trimEnd().split('\n');
  const sorted = Float64Array.from(lines, (line) => Number(line.split('\t')[2])).sort();
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
  return { p50Us: at(0.5), p99Us: at(0.99) };
}
