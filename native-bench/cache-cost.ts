/**
 * What the response cache saves and costs: CPU of the server for a whole request, with and without it, alternating.
 *
 * Run: node native-bench/cache-cost.ts [--rounds 3] [--requests 4000]
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type ClientHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuNs } from '../test/support/process-usage.ts';
import { framed, inferPath, inferRequest, type RawInput } from '../test/support/raw-infer.ts';
import { redisProgram, RedisServer } from '../test/support/redis-server.ts';
import { startServer, type RunningServer } from '../test/support/start-server.ts';
import { findProgram } from '../test/support/tools.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    requests: { type: 'string', default: '4000' },
  },
});

const tools = join(import.meta.dirname, '..', '.tools');

interface Model extends RawInput {
  readonly file: string;
  /** Of `--requests`. */
  readonly share: number;
  readonly inFlight: number;
}

const cnn: Model = {
  model: 'cnn64',
  input: 'input',
  dims: [3, 64, 64],
  file: join(tools, 'bench-models', 'cnn64', '1', 'model.onnx'),
  share: 0.5,
  inFlight: 16,
};
const mlp: Model = {
  model: 'mlp784',
  input: 'input',
  dims: [784],
  file: join(tools, 'bench-models', 'mlp784', '1', 'model.onnx'),
  share: 1,
  inFlight: 16,
};
/** A small MobileNet that tells which way up a line of text is. */
const pictures: Model = {
  model: 'textline',
  input: 'x',
  dims: [3, 48, 192],
  // One takes little more than a millisecond, which is less than three round trips on small machines.
  rows: 8,
  file: join(tools, 'models', 'rapidocr_cls.onnx'),
  share: 0.02,
  // More wait for the core and not for Redis.
  inFlight: 1,
};

/** Every model as it is, and as `<model>_cached`. */
function writeRepository(folder: string): void {
  for (const { model, file } of [cnn, mlp, pictures]) {
    for (const [name, more] of [
      [model, ''],
      [`${model}_cached`, 'response_cache { enable: true }'],
    ] as const) {
      mkdirSync(join(folder, name, '1'), { recursive: true });
      copyFileSync(file, join(folder, name, '1', 'model.onnx'));
      writeFileSync(join(folder, name, 'config.pbtxt'), `max_batch_size: 32 dynamic_batching { } ${more}\n`);
    }
  }
}

/** A server and a connection to it. */
class Side implements AsyncDisposable {
  readonly server: RunningServer;
  readonly #session: ClientHttp2Session;

  private constructor(server: RunningServer) {
    this.server = server;
    this.#session = connect(`http://127.0.0.1:${server.grpcPort}`, {
      settings: { initialWindowSize: 1 << 22 },
    });
  }

  static async start(repository: string, args: readonly string[]): Promise<Side> {
    const taskset = findProgram('taskset');
    const prefix = taskset.skip === false ? [taskset.path, '-c', '0'] : [];
    return new Side(await startServer({ repository, args, prefix }));
  }

  /** CPU microseconds a request. @param number of the request to what its last element is. */
  async measure(model: Model, requests: number, number: (request: number) => number): Promise<number> {
    const base = framed(inferRequest(model));
    const before = cpuNs(this.server.pid);
    let sent = 0;
    const client = async (): Promise<void> => {
      while (sent < requests) {
        const body = Buffer.from(base);
        // The elements are the last field of the message.
        body.writeFloatLE(number(sent++), body.length - 4);
        await this.#ask(body);
      }
    };
    await Promise.all(Array.from({ length: model.inFlight }, client));
    return (cpuNs(this.server.pid) - before) / 1000 / requests;
  }

  #ask(body: Buffer): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const headers = {
      ':method': 'POST',
      ':path': inferPath,
      'content-type': 'application/grpc',
      te: 'trailers',
    };
    const stream = this.#session.request(headers);
    stream.on('trailers', (trailers) => {
      if (trailers['grpc-status'] === '0') resolve();
    });
    stream.on('error', reject);
    stream.on('close', () => reject(new Error('a request was answered with an error')));
    stream.resume();
    stream.end(body);
    return promise;
  }

  /** Sum of a metric's values, of the lines that have all words. */
  async reading(metric: string, ...words: readonly string[]): Promise<number> {
    const response = await fetch(`http://${this.server.metricsAddress}/metrics`);
    const lines = (await response.text()).split('\n').filter((line) => line.startsWith(`${metric}{`));
    const wanted = lines.filter((line) => words.every((word) => line.includes(word)));
    return wanted.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session.close();
    await this.server[Symbol.asyncDispose]();
  }
}

function cached(model: Model): Model {
  return { ...model, model: `${model.model}_cached` };
}

let newest = 0;

/** A number that no request has had. */
function fresh(): number {
  newest += 1;
  return newest;
}

const samples = new Map<string, number[]>();

async function sample(
  name: string,
  side: Side,
  model: Model,
  number: (request: number) => number,
): Promise<void> {
  const us = await side.measure(model, Math.round(Number(flags.requests) * model.share), number);
  const known = samples.get(name) ?? [];
  known.push(us);
  samples.set(name, known);
}

/** Half of the rounds took less. The least would be one in which a thread ended, whose time counts no more. */
function median(name: string): number {
  const sorted = (samples.get(name) ?? []).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Has one server compute and write what the other asks then. @returns the part that was found in Redis. */
async function measureShared(one: Side, other: Side): Promise<number> {
  const count = Math.round(Number(flags.requests) * pictures.share);
  const from = newest;
  newest += count;
  const numberOf = (request: number): number => from + 1 + request;
  await one.measure(cached(pictures), count, numberOf);
  const before = await other.reading('tensorgate_cache_requests_total', 'textline', '"shared"');
  await sample('textline, found in Redis', other, cached(pictures), numberOf);
  const after = await other.reading('tensorgate_cache_requests_total', 'textline', '"shared"');
  return (after - before) / count;
}

function report(what: string, withCache: string, without: string, most: number): void {
  const ratio = median(withCache) / median(without);
  const times = `${median(withCache).toFixed(1)} of ${median(without).toFixed(1)} µs: ${ratio.toFixed(2)}`;
  console.log(`| ${what} | ${times} | ≤ ${most.toFixed(2)} | ${ratio <= most ? 'yes' : 'no'} |`);
}

async function main(): Promise<void> {
  if (redisProgram.skip !== false) throw new Error(redisProgram.skip);
  const repository = mkdtempSync(join(tmpdir(), 'tensorgate-bench-'));
  process.once('exit', () => rmSync(repository, { recursive: true }));
  writeRepository(repository);
  await using redis = await RedisServer.start();
  const shared = ['--cache-redis', redis.address, '--cache-redis-budget', '100'];
  await using plain = await Side.start(repository, []);
  await using one = await Side.start(repository, shared);
  await using other = await Side.start(repository, shared);
  let found = 0;
  // The first round warms up.
  for (let round = 0; round <= Number(flags.rounds); round++) {
    if (round === 1) samples.clear();
    await sample('cnn64', plain, cnn, () => -1);
    await sample('cnn64, found in memory', plain, cached(cnn), () => -1);
    await sample('mlp784', plain, mlp, () => -1);
    await sample('mlp784, found in memory', plain, cached(mlp), () => -1);
    await sample('mlp784, never asked before', plain, mlp, fresh);
    await sample('mlp784, cache configured, never asked before', plain, cached(mlp), fresh);
    await sample('textline', plain, pictures, fresh);
    found = await measureShared(one, other);
  }
  const off = await plain.reading('tensorgate_cache_off', 'mlp784_cached');
  const asked = await other.reading('tensorgate_cache_compute_seconds', 'textline');
  console.log(
    '| CPU of a whole request, median of the rounds | with the cache, of that without | bar | met |\n|---|---|---|---|',
  );
  report('`cnn64`, found in memory', 'cnn64, found in memory', 'cnn64', 0.5);
  report('`mlp784`, the same request again and again', 'mlp784, found in memory', 'mlp784', 1);
  report(
    '`mlp784`, requests that never come again',
    'mlp784, cache configured, never asked before',
    'mlp784, never asked before',
    1.05,
  );
  report('`textline`, found in Redis', 'textline, found in Redis', 'textline', 0.6);
  console.log(
    `mlp784 is bypassed: ${off === 1 ? 'yes' : 'no'}; found in Redis: ${(100 * found).toFixed(1)} % of the last`,
  );
  const trip = await other.reading('tensorgate_cache_shared_round_trip_seconds', 'textline');
  console.log(
    `textline computes in ${(1000 * asked).toFixed(2)} ms, Redis answers in ${(1000 * trip).toFixed(2)} ms`,
  );
  for (const [name, values] of samples)
    console.log(`${name}: ${values.map((us) => us.toFixed(1)).join(' ')}`);
}

await main();
