import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

const root = join(import.meta.dirname, '..', '..');

export interface ServerOptions {
  /** One folder or file, or several. */
  readonly repository: string | readonly string[];
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Words before the command line, for example to pin the process to a core. */
  readonly prefix?: readonly string[];
  /** How long it may take to become ready. */
  readonly startTimeoutMs?: number;
}

/** A server in a process of its own, on free ports of 127.0.0.1. Disposing it fails unless it ends by itself, with 0. */
export interface RunningServer extends AsyncDisposable {
  readonly pid: number;
  /** host:port */
  readonly grpcAddress: string;
  readonly grpcPort: number;
  /** host:port; '' when HTTP is off. */
  readonly httpAddress: string;
  /** host:port; '' when metrics are off. */
  readonly metricsAddress: string;
  /** Everything it has printed so far. */
  output(): string;
  /** Resolves when a line that matches has been printed. Rejects after a minute, or when the process ends. */
  printed(pattern: RegExp): Promise<void>;
  /** Resolves with the exit code when it has ended, for whatever reason. */
  readonly ended: Promise<number | null>;
  /** Sends SIGTERM and resolves with the exit code; null when it had to be killed. Idempotent. */
  stop(): Promise<number | null>;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

const stopTimeoutMs = 60_000;

/** Starts `bin/tensorgate.js serve`; resolves when it serves, and rejects with what it printed when it does not. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const child = spawnServer(options);
  const lines: string[] = [];
  const closed = once(child, 'close');
  const stop = createStop(child, closed);
  try {
    const {
      grpc: grpcAddress,
      http: httpAddress,
      metrics: metricsAddress,
    } = await readAddresses(child, lines, options.startTimeoutMs ?? 120_000);
    return {
      pid: child.pid ?? -1,
      grpcAddress,
      grpcPort: Number(grpcAddress.split(':').at(-1)),
      httpAddress,
      metricsAddress,
      output: () => lines.join('\n'),
      printed: (pattern) => printed(child, lines, pattern),
      ended: closed.then(() => child.exitCode),
      stop,
      async [Symbol.asyncDispose]() {
        const code = await stop();
        if (code !== 0) throw new Error(`the server ended with ${code}:\n${lines.slice(-30).join('\n')}`);
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function spawnServer({ repository, args = [], env = {}, prefix = [] }: ServerOptions): Child {
  const repositories = [repository].flat().flatMap((path) => ['--model-repository', path]);
  const program = [process.execPath, join(root, 'bin', 'tensorgate.js'), 'serve'];
  const ports = [
    '--grpc-port',
    '0',
    '--http-port',
    '0',
    '--metrics-port',
    '0',
    '--admin-address',
    'off',
    '--log-format',
    'json',
  ];
  const [command = '', ...rest] = [...prefix, ...program, ...repositories, ...ports, ...args];
  const inherited = Object.entries(process.env).filter(([name]) => !/^(TENSORGATE_|NODE_TEST)/.test(name));
  return spawn(command, rest, {
    cwd: root,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

interface Addresses {
  readonly grpc: string;
  readonly http: string;
  readonly metrics: string;
}

/** The addresses in the line that the server logs once it serves. */
function readAddresses(child: Child, lines: string[], timeoutMs: number): Promise<Addresses> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`${why}:\n${lines.slice(-30).join('\n')}`));
    const timer = setTimeout(() => fail(`the server was not ready after ${timeoutMs} ms`), timeoutMs);
    createInterface(child.stdout).on('line', (line) => {
      lines.push(line);
      const addresses = servingAddresses(line);
      if (addresses === undefined) return;
      clearTimeout(timer);
      resolve(addresses);
    });
    createInterface(child.stderr).on('line', (line) => void lines.push(line));
    child.once('close', () => {
      clearTimeout(timer);
      fail('the server ended');
    });
  });
}

async function printed(child: Child, lines: readonly string[], pattern: RegExp): Promise<void> {
  const limit = AbortSignal.timeout(60_000);
  while (!lines.some((line) => pattern.test(line))) {
    // What it printed last may be read only after it has ended.
    if (child.stdout.closed) throw new Error(`the server ended before it printed ${pattern.source}`);
    const heard = new AbortController();
    const signal = AbortSignal.any([limit, heard.signal]);
    try {
      await Promise.race(['data', 'close'].map((event) => once(child.stdout, event, { signal })));
    } finally {
      heard.abort();
    }
  }
}

function servingAddresses(line: string): Addresses | undefined {
  if (!line.startsWith('{')) return undefined;
  const fields: unknown = JSON.parse(line);
  if (typeof fields !== 'object' || fields === null || !('grpc' in fields)) return undefined;
  if (typeof fields.grpc !== 'string') return undefined;
  return {
    grpc: fields.grpc,
    http: 'http' in fields ? String(fields.http) : '',
    metrics: 'metrics' in fields ? String(fields.metrics) : '',
  };
}

function createStop(child: Child, closed: Promise<unknown[]>): () => Promise<number | null> {
  return async () => {
    if (child.exitCode !== null) return child.exitCode;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    await closed;
    clearTimeout(timer);
    return child.exitCode;
  };
}
