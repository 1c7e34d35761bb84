import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { startServer } from '../test/support/start-server.ts';

export const serverNames = [
  'tensorgate h2',
  'tensorgate grpc-js',
  'native batched',
  'native direct',
  'bare echo',
] as const;

export type ServerName = (typeof serverNames)[number];

/** A server process under test. */
export interface BenchServer extends AsyncDisposable {
  readonly name: ServerName;
  readonly pid: number;
  readonly port: number;
}

export interface ServerSetup {
  readonly repository: string;
  /** Which model the native server loads; it serves one. */
  readonly model: string;
  /** Words before the command line, to pin the process. */
  readonly prefix: readonly string[];
  /** More flags for tensorgate. */
  readonly args: readonly string[];
}

/** The native server's batches, like tensorgate's default. */
const maxRows = 32;

const binary = join(import.meta.dirname, 'server', 'target', 'release', 'native-server');

function modelFile({ repository, model }: ServerSetup): string {
  return join(repository, model, '1', 'model.onnx');
}

/** ONNX Runtime as onnxruntime-node brings it, so that both servers compute with the same library. */
function runtimeLibrary(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  const folder = join(dirname(entry), '..', 'bin', 'napi-v6', platform(), arch());
  return join(folder, platform() === 'darwin' ? 'libonnxruntime.1.30.0.dylib' : 'libonnxruntime.so.1');
}

function spawnNative(prefix: readonly string[], args: readonly string[]): ChildProcess {
  if (!existsSync(binary)) throw new Error('the native server is not built: npm run bench:build');
  const [command = binary, ...rest] = [...prefix, binary, ...args];
  return spawn(command, rest, {
    env: { ...process.env, ORT_DYLIB_PATH: runtimeLibrary() },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('bug: no stdout');
  const line: unknown[] = await once(createInterface(child.stdout), 'line', {
    signal: AbortSignal.timeout(60_000),
  });
  return String(line[0]);
}

function benchServer(name: ServerName, child: ChildProcess, port: number): BenchServer {
  return {
    name,
    pid: child.pid ?? -1,
    port,
    async [Symbol.asyncDispose]() {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
    },
  };
}

/** tensorgate's transport with nothing behind it: it answers what it was sent. */
async function startEcho({ prefix }: ServerSetup): Promise<BenchServer> {
  const [command, ...words] = [...prefix, process.execPath, join(import.meta.dirname, 'echo-server.ts')];
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  return benchServer('bare echo', child, Number((await firstLine(child)).split(':').at(-1)));
}

async function startNative(name: ServerName, mode: string, setup: ServerSetup): Promise<BenchServer> {
  const child = spawnNative(setup.prefix, ['serve', mode, modelFile(setup), `${maxRows}`]);
  return benchServer(name, child, Number(await firstLine(child)));
}

async function startTensorgate(
  name: ServerName,
  transport: string,
  setup: ServerSetup,
): Promise<BenchServer> {
  const { repository, prefix, args } = setup;
  const server = await startServer({
    repository,
    prefix,
    args: ['--grpc-transport', transport, '--log-level', 'info', ...args],
  });
  return {
    name,
    pid: server.pid,
    port: server.grpcPort,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const starters: Readonly<Record<ServerName, (setup: ServerSetup) => Promise<BenchServer>>> = {
  'tensorgate h2': (setup) => startTensorgate('tensorgate h2', 'h2', setup),
  'tensorgate grpc-js': (setup) => startTensorgate('tensorgate grpc-js', 'grpc-js', setup),
  'native batched': (setup) => startNative('native batched', 'batched', setup),
  'native direct': (setup) => startNative('native direct', 'direct', setup),
  'bare echo': startEcho,
};

export function startBenchServer(name: ServerName, setup: ServerSetup): Promise<BenchServer> {
  return starters[name](setup);
}

/** Microseconds of one bare run of ONNX Runtime on so many rows, in a loop: what no server can beat. */
export async function bareRunUs(setup: ServerSetup, rows: number, seconds: number): Promise<number> {
  const child = spawnNative(setup.prefix, ['loop', modelFile(setup), `${rows}`, `${seconds}`]);
  return Number(await firstLine(child));
}
