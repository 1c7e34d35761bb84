import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { GrpcConnection } from '../support/grpc-connection.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { runChecks } from '../support/run-python.ts';
import { startServer, type RunningServer } from '../support/start-server.ts';
import { findPython } from '../support/tools.ts';

const root = join(import.meta.dirname, '..', '..');
const iris = readFileSync(join(root, 'examples', 'models', 'iris', '1', 'model.onnx'));
const lookup = readFileSync(join(root, 'test', 'fixtures', 'models', 'lookup.onnx'));

function repositoryOfTwo(): RepositoryFolder {
  const folder = new RepositoryFolder();
  folder.put('iris/1/model.onnx', iris);
  folder.put('iris/config.pbtxt', 'metric_tags { key: "team" value: "flowers" }');
  folder.put('lookup/1/model.onnx', lookup);
  return folder;
}

function flowers(rows: number): object {
  const values = new Float32Array(4 * rows).fill(1);
  return {
    model_name: 'iris',
    inputs: [{ name: 'features', datatype: 'FP32', shape: [rows, 4] }],
    raw_input_contents: [new Uint8Array(values.buffer)],
  };
}

function entry(index: bigint): object {
  return {
    model_name: 'lookup',
    inputs: [{ name: 'index', datatype: 'INT64', shape: [1, 1] }],
    raw_input_contents: [new Uint8Array(new BigInt64Array([index]).buffer)],
  };
}

/** Values by series, as Prometheus would store them. */
async function scrape({ metricsAddress }: RunningServer): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`http://${metricsAddress}/metrics`, { signal: AbortSignal.timeout(60_000) });
  assert.equal(response.status, 200);
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(' ')),
      Number(line.slice(line.lastIndexOf(' ') + 1)),
    ]),
  );
}

/** What ModelStatistics says of a model, as the series that Triton would tell of it. */
async function expectedOf(
  connection: GrpcConnection,
  model: string,
  labels: string,
): Promise<ReadonlyMap<string, number>> {
  const { model_stats: found } = await connection.call('ModelStatistics', { name: model });
  const [statistics] = found as readonly Record<string, unknown>[];
  const parts = statistics!['inference_stats'] as Record<string, { count: number; ns: number }>;
  const us = (part: string): number => Math.floor(parts[part]!.ns / 1000);
  return new Map([
    [`nv_inference_request_success${labels}`, parts['success']!.count],
    [`nv_inference_count${labels}`, Number(statistics!['inference_count'])],
    [`nv_inference_exec_count${labels}`, Number(statistics!['execution_count'])],
    [`nv_inference_request_duration_us${labels}`, us('success')],
    [`nv_inference_queue_duration_us${labels}`, us('queue')],
    [`nv_inference_compute_input_duration_us${labels}`, us('compute_input')],
    [`nv_inference_compute_infer_duration_us${labels}`, us('compute_infer')],
    [`nv_inference_compute_output_duration_us${labels}`, us('compute_output')],
  ]);
}

async function useAll(server: RunningServer, connections: readonly GrpcConnection[]): Promise<void> {
  // Bursts, so that some batches hold several requests.
  for (let burst = 0; burst < 5; burst++) {
    await Promise.all(
      connections.flatMap((connection) =>
        [1, 2, 3].map((rows) => connection.call('ModelInfer', flowers(rows))),
      ),
    );
  }
  const [first] = connections;
  await first!.call('ModelInfer', entry(0n));
  await assert.rejects(first!.call('ModelInfer', entry(1_000_000n)));
  await assert.rejects(first!.call('ModelInfer', flowers(20_000)), /byte-budget/);
  await assert.rejects(first!.call('ModelInfer', { ...flowers(1), model_name: 'nobody' }));
  const url = `http://${server.httpAddress}/v2/models/iris/infer`;
  const body = {
    inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 4], data: [5.1, 3.5, 1.4, 0.2] }],
  };
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  assert.equal(response.status, 200);
}

const servers = [
  { name: 'h2', args: ['--grpc-transport', 'h2'], threads: 1 },
  { name: 'grpc-js', args: ['--grpc-transport', 'grpc-js'], threads: 1 },
  { name: 'two I/O threads', args: ['--io-threads', '2'], threads: 2 },
] as const;

for (const { name, args, threads } of servers) {
  const skip = availableParallelism() < threads ? 'needs two cores' : false;
  describe(`metrics of a server with ${name}`, { skip, timeout: 240_000 }, () => {
    test('count exactly what ModelStatistics counts, process-wide', async () => {
      using repository = repositoryOfTwo();
      await using server = await startServer({
        repository: repository.path,
        args: [...args, '--byte-budget', '131072'],
      });
      const opened = Array.from({ length: 8 }, () => GrpcConnection.open(server.grpcPort));
      using stack = new DisposableStack();
      const connections = (await Promise.all(opened)).map((connection) => stack.use(connection));
      await useAll(server, connections);
      const told = await scrape(server);
      const [first] = connections;
      for (const [model, labels] of [
        ['iris', '{_team="flowers",model="iris",version="1"}'],
        ['lookup', '{model="lookup",version="1"}'],
      ] as const) {
        for (const [series, value] of await expectedOf(first!, model, labels)) {
          assert.equal(told.get(series), value, series);
        }
      }
      const failures = (model: string, tags: string): readonly (number | undefined)[] =>
        ['REJECTED', 'CANCELED', 'BACKEND', 'OTHER'].map((reason) =>
          told.get(`nv_inference_request_failure{${tags}model="${model}",reason="${reason}",version="1"}`),
        );
      assert.deepEqual(failures('iris', '_team="flowers",'), [1, 0, 0, 0]);
      assert.deepEqual(failures('lookup', ''), [0, 0, 1, 0]);
      assert.equal(told.get('nv_inference_request_success{_team="flowers",model="iris",version="1"}'), 121);
      assert.equal(told.get('nv_inference_count{_team="flowers",model="iris",version="1"}'), 241);
    });

    test('tell what came through which front, and how it failed', async () => {
      using repository = repositoryOfTwo();
      await using server = await startServer({
        repository: repository.path,
        args: [...args, '--byte-budget', '131072'],
      });
      using connection = await GrpcConnection.open(server.grpcPort);
      await useAll(server, [connection]);
      const told = await scrape(server);
      const model = 'model="iris",version="1"';
      assert.deepEqual(
        {
          grpc: told.get(`tensorgate_request_duration_seconds_count{${model},front="grpc"}`),
          http: told.get(`tensorgate_request_duration_seconds_count{${model},front="http"}`),
          embedded: told.get(`tensorgate_request_duration_seconds_count{${model},front="embedded"}`),
          waits: told.get(`tensorgate_queue_duration_seconds_count{${model}}`),
          rows: told.get(`tensorgate_batch_rows_sum{${model}}`),
          rejected: told.get(`tensorgate_request_failures_total{${model},front="grpc",reason="REJECTED"}`),
          budget: told.get(
            'tensorgate_request_errors_total{front="grpc",code="resource_exhausted",reason="BYTE_BUDGET_EXCEEDED"}',
          ),
          unknown: told.get(
            'tensorgate_request_errors_total{front="grpc",code="not_found",reason="MODEL_NOT_FOUND"}',
          ),
        },
        { grpc: 15, http: 1, embedded: undefined, waits: 16, rows: 31, rejected: 1, budget: 1, unknown: 1 },
      );
      const batches = told.get(`tensorgate_batch_rows_count{${model}}`);
      assert.equal(told.get(`tensorgate_compute_infer_duration_seconds_count{${model}}`), batches);
      const closed = [...told].filter(([series]) =>
        series.startsWith(`tensorgate_batches_closed_total{${model}`),
      );
      assert.equal(
        closed.reduce((sum, [, value]) => sum + value, 0),
        batches,
      );
      const text = [...told.keys()].join('\n');
      assert.doesNotMatch(text, /nobody/);
      assert.match(text, threads === 2 ? /thread="io-1"/ : /thread="main"/);
      if (name !== 'grpc-js') assert.equal(told.get('tensorgate_grpc_connections'), 1);
    });
  });
}

test("Prometheus's own parsers", { skip: findPython().skip }, async (t) => {
  using repository = repositoryOfTwo();
  await using server = await startServer({ repository: repository.path, args: ['--byte-budget', '131072'] });
  using connection = await GrpcConnection.open(server.grpcPort);
  await useAll(server, [connection]);
  await runChecks(t, 'metrics_checks.py', [server.metricsAddress]);
});

/** So many that the kernel puts some on each of two threads, but for one time in eight million. */
const connectionCount = 24;

const skipThreads = availableParallelism() < 2 ? 'needs two cores' : false;

test(
  'an I/O thread that is lost is counted, and takes no counts with it',
  { skip: skipThreads },
  async () => {
    using repository = repositoryOfTwo();
    const file = join(repository.path, 'crash-now');
    const preload = new URL('../support/crash-io-threads.ts', import.meta.url);
    await using server = await startServer({
      repository: join(repository.path, 'iris'),
      args: ['--io-threads', '2', '--grpc-transport', 'h2'],
      env: { NODE_OPTIONS: `--import=${preload.href}`, CRASH_FILE: file },
    });
    using stack = new DisposableStack();
    for (let n = 0; n < connectionCount; n++) {
      const connection = stack.use(await GrpcConnection.open(server.grpcPort));
      await assert.rejects(connection.call('ModelInfer', { ...flowers(1), model_name: 'nobody' }));
    }
    const counted = [
      'tensorgate_grpc_connections_opened_total',
      'tensorgate_request_errors_total{front="grpc",code="not_found",reason="MODEL_NOT_FOUND"}',
    ];
    const before = await scrape(server);
    assert.deepEqual(
      counted.map((series) => before.get(series)),
      [connectionCount, connectionCount],
    );
    assert.equal(before.get('tensorgate_io_thread_restarts_total'), 0);
    writeFileSync(file, '');
    await server.printed(/an I\/O thread was replaced/);
    const after = await scrape(server);
    assert.deepEqual(
      counted.map((series) => after.get(series)),
      [connectionCount, connectionCount],
    );
    assert.equal(after.get('tensorgate_io_thread_restarts_total'), 1);
    const open = after.get('tensorgate_grpc_connections') ?? 0;
    assert.ok(open > 0 && open < connectionCount, `${open} connections are open`);
  },
);

test('callers that are not let in are counted by front', async () => {
  using repository = repositoryOfTwo();
  const keys = repository.put(
    'keys.yaml',
    'keys:\n  - principal: app\n    key: 0123456789abcdef0123456789abcdef\n',
  );
  await using server = await startServer({
    repository: join(repository.path, 'iris'),
    args: ['--api-keys-file', keys],
  });
  using connection = await GrpcConnection.open(server.grpcPort);
  await assert.rejects(connection.call('ModelInfer', flowers(1)));
  await assert.rejects(connection.call('ModelInfer', flowers(1), { 'x-api-key': 'wrong' }));
  await fetch(`http://${server.httpAddress}/v2/models/iris`);
  const told = [...(await scrape(server))].filter(([series]) =>
    series.startsWith('tensorgate_request_errors'),
  );
  assert.deepEqual(told, [
    ['tensorgate_request_errors_total{front="grpc",code="unauthenticated",reason="API_KEY_MISSING"}', 1],
    ['tensorgate_request_errors_total{front="grpc",code="unauthenticated",reason="API_KEY_INVALID"}', 1],
    ['tensorgate_request_errors_total{front="http",code="unauthenticated",reason="API_KEY_MISSING"}', 1],
  ]);
});

test('--allow-metrics false closes the listener', async () => {
  using repository = repositoryOfTwo();
  await using server = await startServer({
    repository: repository.path,
    args: ['--allow-metrics', 'false'],
  });
  assert.equal(server.metricsAddress, '');
});

test('an address that is taken keeps the server from starting', async () => {
  using repository = repositoryOfTwo();
  await using first = await startServer({ repository: repository.path });
  const port = first.metricsAddress.split(':').at(-1) ?? '';
  await assert.rejects(
    startServer({ repository: repository.path, args: ['--metrics-port', port] }),
    /EADDRINUSE|ended/,
  );
});
