import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { GrpcConnection } from '../support/grpc-connection.ts';
import { redisProgram, RedisServer } from '../support/redis-server.ts';
import { startServer, type RunningServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const root = join(import.meta.dirname, '..', '..');
const repository = join(root, 'examples', 'models', 'iris');
const timeout = 240_000;

interface WrittenLine {
  readonly id?: string;
  readonly subject?: string;
  readonly features: Readonly<Record<string, unknown>>;
  readonly prediction: unknown;
  readonly confidence: number;
}

/** What OTLP's JSON says of logs, in part. */
interface SentLogs {
  readonly resourceLogs: readonly {
    readonly scopeLogs: readonly {
      readonly logRecords: readonly {
        readonly eventName: string;
        readonly body: {
          readonly kvlistValue: {
            readonly values: readonly {
              readonly key: string;
              readonly value: { readonly stringValue?: string };
            }[];
          };
        };
      }[];
    }[];
  }[];
}

const model = `
models:
  iris:
    subject: { parameter: customer }
    features: { sepal_length: keep, petal_length: { bucket: 1 }, petal_width: hash }
`;

/** The file of `--prediction-log` in a folder, with what it writes to. */
function writePlan(folder: TemporaryFolder, sinks: string): string {
  folder.write('key', '0123456789abcdef0123456789abcdef');
  return folder.write('predictions.yaml', `keyFile: key\n${sinks}\n${model}`);
}

function serve(plan: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  return startServer({ repository, args: ['--prediction-log', plan, ...args], env });
}

async function predict(server: RunningServer, customers: readonly string[]): Promise<void> {
  using connection = await GrpcConnection.open(server.grpcPort);
  for (const customer of customers) {
    await connection.call('ModelInfer', {
      model_name: 'iris',
      id: `of ${customer}`,
      parameters: { customer: { string_param: customer } },
      inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 4] }],
      raw_input_contents: [new Uint8Array(new Float32Array([5.1, 3.5, 1.4, 0.2]).buffer)],
    });
  }
}

async function scrape(server: RunningServer): Promise<string> {
  return (await fetch(`http://${server.metricsAddress}/metrics`)).text();
}

async function run(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(root, 'bin', 'tensorgate.js'),
    'predictions',
    ...args,
  ]);
  return stdout;
}

function parseLine(line: string): WrittenLine {
  const parsed: WrittenLine = JSON.parse(line);
  return parsed;
}

function written(folder: TemporaryFolder): readonly WrittenLine[] {
  const directory = join(folder.path, 'log');
  const lines = readdirSync(directory).flatMap((name) =>
    readFileSync(join(directory, name), 'utf8').split('\n'),
  );
  return lines.filter((line) => line !== '').map(parseLine);
}

test(
  'answers are logged in files, and a person is erased from them while the server goes on',
  { timeout },
  async () => {
    using folder = new TemporaryFolder();
    const plan = writePlan(folder, 'jsonl: { directory: log }');
    await using server = await serve(plan);
    await predict(server, ['anna', 'bert', 'anna']);
    const written3 = /^tensorgate_prediction_log_sink_records_total\{sink="jsonl",outcome="written"\} 3$/m;
    while (!written3.test(await scrape(server)));
    assert.match(await run('erase', plan, '--subject', 'anna'), /files: 2 of 3 records erased/);
    const [kept, ...others] = written(folder);
    assert.deepEqual(others, []);
    assert.equal(kept?.id, 'of bert');
    assert.equal(kept.subject, (await run('pseudonym', plan, '--subject', 'bert')).split(' ')[0]);
    assert.equal(kept.prediction, 'setosa');
    assert.ok(kept.confidence > 0.9 && kept.confidence <= 1);
    assert.deepEqual([kept.features['sepal_length'], kept.features['petal_length']], [5.1, '[1, 2)']);
    assert.match(String(kept.features['petal_width']), /^[\w-]{22}$/);
    assert.match(await scrape(server), /^tensorgate_prediction_log_records_total\{model="iris"\} 3$/m);
    await predict(server, ['cleo']);
    // What waits is written when the server stops.
    assert.equal(await server.stop(), 0);
    assert.deepEqual(
      written(folder).map(({ id }) => id),
      ['of bert', 'of cleo'],
    );
  },
);

test(
  'I/O threads write files of their own, with the same hashes',
  { timeout, skip: availableParallelism() < 2 ? 'needs two cores' : false },
  async () => {
    using folder = new TemporaryFolder();
    const plan = folder.write(
      'predictions.yaml',
      'jsonl: { directory: log }\nmodels: { iris: { features: { petal_width: hash } } }',
    );
    await using server = await serve(plan, ['--io-threads', '2']);
    // Each connection goes to one of the threads.
    for (let connection = 0; connection < 32; connection++) await predict(server, ['anna']);
    assert.equal(await server.stop(), 0);
    const names = readdirSync(join(folder.path, 'log'));
    assert.equal(names.filter((name) => name.includes('-io-0-')).length, 1);
    assert.equal(names.filter((name) => name.includes('-io-1-')).length, 1);
    const hashes = new Set(written(folder).map(({ features }) => features['petal_width']));
    assert.equal(hashes.size, 1);
    assert.equal(written(folder).length, 32);
  },
);

test(
  'answers are logged in a Redis Stream, and a person is erased from it',
  { timeout, skip: redisProgram.skip },
  async () => {
    await using redis = await RedisServer.start();
    using folder = new TemporaryFolder();
    const plan = writePlan(folder, `redis: { url: 'redis://${redis.address}', stream: p }`);
    await using server = await serve(plan);
    await predict(server, ['anna', 'bert']);
    await redis.kill();
    await predict(server, ['anna', 'cleo']);
    await redis.restart();
    await predict(server, ['dora']);
    // What was not written while Redis was away is written now.
    while (!(await redis.use((client) => client.xrange('p', '-', '+'))).join().includes('of dora'));
    assert.match(await run('erase', plan, '--subject', 'anna'), /Redis: [12] of \d records erased/);
    const entries = await redis.use((client) => client.xrange('p', '-', '+'));
    const ids = entries.map(([, [, line = '']]) => parseLine(line).id);
    assert.deepEqual(
      ids.filter((id) => id !== 'of bert'),
      ['of cleo', 'of dora'],
    );
    assert.equal(await server.stop(), 0);
  },
);

test('answers are logged as OTLP logs', { timeout }, async () => {
  const bodies: string[] = [];
  const collector = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => void parts.push(part));
    request.on('end', () => {
      bodies.push(`${request.url} ${Buffer.concat(parts).toString()}`);
      response.end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  using folder = new TemporaryFolder();
  await using server = await serve(writePlan(folder, 'otlp: true'), ['--trace', 'true'], {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  });
  await predict(server, ['anna']);
  assert.equal(await server.stop(), 0);
  collector.closeAllConnections();
  collector.close();
  const [logs = '', ...more] = bodies.filter((body) => body.startsWith('/v1/logs'));
  assert.deepEqual(more, []);
  const sent: SentLogs = JSON.parse(logs.slice(logs.indexOf('{')));
  const record = sent.resourceLogs[0]!.scopeLogs[0]!.logRecords[0]!;
  assert.equal(record.eventName, 'tensorgate.prediction');
  const { values } = record.body.kvlistValue;
  const field = (name: string): unknown => values.find(({ key }) => key === name)?.value.stringValue;
  assert.deepEqual([field('prediction'), field('id')], ['setosa', 'of anna']);
  // Traces go on beside them.
  assert.ok(bodies.some((body) => body.startsWith('/v1/traces')));
});
