import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { trace } from '@opentelemetry/api';
import { CallContext } from '../../src/inference/call-context.ts';
import { silentLogger } from '../../src/inference/logger.ts';
import { startTracing } from '../../src/observability/tracing/start-tracing.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeTracer } from '../support/fake-tracer.ts';
import { CallError, GrpcConnection } from '../support/grpc-connection.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { startServer } from '../support/start-server.ts';

const iris = readFileSync(
  join(import.meta.dirname, '..', '..', 'examples', 'models', 'iris', '1', 'model.onnx'),
);

/** What OTLP's JSON says of a span, in part. */
interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
  readonly links: readonly { readonly spanId: string }[];
  readonly status: { readonly code?: number };
}

/** Receives spans as a collector does. */
class Collector implements AsyncDisposable {
  readonly spans: Span[] = [];
  readonly resources = new Set<string>();
  readonly #server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => void parts.push(part));
    request.on('end', () => {
      this.#take(JSON.parse(Buffer.concat(parts).toString()));
      response.end('{}');
    });
  });

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #take(body: {
    readonly resourceSpans: readonly {
      readonly resource: { readonly attributes: Span['attributes'] };
      readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
    }[];
  }): void {
    for (const { resource, scopeSpans } of body.resourceSpans) {
      for (const { key, value } of resource.attributes)
        this.resources.add(`${key}=${String(value['stringValue'])}`);
      for (const { spans } of scopeSpans) this.spans.push(...spans);
    }
  }
}

function flower(model = 'iris'): object {
  return {
    model_name: model,
    inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 4] }],
    raw_input_contents: [new Uint8Array(new Float32Array([5.1, 3.5, 1.4, 0.2]).buffer)],
  };
}

/** Asks for shared memory, which this server does not take: the server's own refusal. */
function inSharedMemory(): object {
  return {
    model_name: 'iris',
    inputs: [
      {
        name: 'features',
        datatype: 'FP32',
        shape: [1, 4],
        parameters: {
          shared_memory_region: { string_param: 'r' },
          shared_memory_byte_size: { int64_param: '16' },
        },
      },
    ],
  };
}

const remote = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const traceparent = `00-${remote.traceId}-${remote.spanId}-01`;
const modelInfer = 'inference.GRPCInferenceService/ModelInfer';

function attribute({ attributes }: Span, name: string): unknown {
  return Object.values(attributes.find(({ key }) => key === name)?.value ?? {})[0];
}

for (const { name, args, cores } of [
  { name: 'h2', args: ['--grpc-transport', 'h2'], cores: 1 },
  { name: 'grpc-js', args: ['--grpc-transport', 'grpc-js'], cores: 1 },
  { name: 'I/O threads', args: ['--io-threads', '2'], cores: 2 },
] as const) {
  const skip = availableParallelism() < cores ? 'needs two cores' : false;
  test(
    `with --trace a server with ${name} sends the spans of calls and batches`,
    { skip, timeout: 240_000 },
    async () => {
      await using collector = new Collector();
      const endpoint = await collector.listen();
      using repository = new RepositoryFolder();
      repository.put('iris/1/model.onnx', iris);
      const server = await startServer({
        repository: repository.path,
        args: [...args, '--trace', 'true'],
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' },
      });
      using connection = await GrpcConnection.open(server.grpcPort);
      await connection.call('ModelInfer', flower(), { traceparent });
      const overHttp = await fetch(`http://${server.httpAddress}/v2/models/iris/infer`, {
        method: 'POST',
        headers: { traceparent },
        body: JSON.stringify({
          inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 4], data: [5.1, 3.5, 1.4, 0.2] }],
        }),
      });
      assert.equal(overHttp.status, 200);
      await fetch(`http://${server.httpAddress}/v2/health/ready`);
      await connection.call('ModelStreamInfer', flower());
      await assert.rejects(connection.call('ModelInfer', flower('nobody')), CallError);
      // What is not sent yet is sent when the server stops.
      assert.equal(await server.stop(), 0);
      const calls = collector.spans.filter((span) => span.name === modelInfer);
      assert.equal(calls.length, 2);
      const answered = calls.find(({ traceId }) => traceId === remote.traceId)!;
      assert.equal(answered.parentSpanId, remote.spanId);
      assert.equal(answered.kind, 2);
      assert.equal(attribute(answered, 'rpc.status_code'), 'OK');
      const failed = calls.find((span) => span !== answered)!;
      assert.equal(failed.parentSpanId ?? '', '');
      assert.equal(attribute(failed, 'rpc.status_code'), 'NOT_FOUND');
      assert.equal(attribute(failed, 'error.type'), 'MODEL_NOT_FOUND');
      const children = collector.spans.filter(({ parentSpanId }) => parentSpanId === answered.spanId);
      assert.deepEqual(children.map((span) => span.name).sort(), ['batch', 'compute', 'queue']);
      const [batch, compute, queue] = ['batch', 'compute', 'queue'].map((wanted) =>
        children.find((span) => span.name === wanted),
      );
      assert.deepEqual(
        batch!.links.map(({ spanId }) => spanId),
        [answered.spanId],
      );
      assert.deepEqual(
        compute!.links.map(({ spanId }) => spanId),
        [batch!.spanId],
      );
      assert.equal(queue!.endTimeUnixNano, compute!.startTimeUnixNano);
      assert.ok(BigInt(answered.startTimeUnixNano) <= BigInt(queue!.startTimeUnixNano));
      assert.ok(BigInt(compute!.endTimeUnixNano) <= BigInt(answered.endTimeUnixNano));
      assert.equal(attribute(batch!, 'tensorgate.model'), 'iris');
      const stream = collector.spans.find((span) => span.name.endsWith('/ModelStreamInfer'))!;
      const ofStream = collector.spans.filter(({ parentSpanId }) => parentSpanId === stream.spanId);
      assert.deepEqual(ofStream.map((span) => span.name).sort(), ['batch', 'compute', 'queue']);
      const [http, ...others] = collector.spans.filter((span) => /^(GET|POST) /.test(span.name));
      assert.deepEqual(others, []);
      assert.equal(http!.name, 'POST /v2/models/{model}/infer');
      assert.equal(http!.parentSpanId, remote.spanId);
      assert.equal(attribute(http!, 'http.response.status_code'), 200);
      const ofHttp = collector.spans.filter(({ parentSpanId }) => parentSpanId === http!.spanId);
      assert.deepEqual(ofHttp.map((span) => span.name).sort(), ['batch', 'compute', 'queue']);
      assert.ok(collector.resources.has('service.name=tensorgate'));
      assert.ok(![...collector.resources].some((resource) => resource.startsWith('process.command')));
    },
  );
}

test(
  'of calls without a context the ratio of the sampler is sent, of others what their callers sampled',
  { timeout: 240_000 },
  async () => {
    await using collector = new Collector();
    const endpoint = await collector.listen();
    using repository = new RepositoryFolder();
    repository.put('iris/1/model.onnx', iris);
    const server = await startServer({
      repository: repository.path,
      args: ['--trace', 'true'],
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
        OTEL_TRACES_SAMPLER_ARG: '0',
      },
    });
    using connection = await GrpcConnection.open(server.grpcPort);
    for (let n = 0; n < 10; n++) await connection.call('ModelInfer', flower());
    await connection.call('ModelInfer', flower(), { traceparent: traceparent.replace(/01$/, '00') });
    await connection.call('ModelInfer', flower(), { traceparent });
    assert.equal(await server.stop(), 0);
    assert.deepEqual(
      collector.spans.map((span) => `${span.name} ${span.traceId}`).sort(),
      ['batch', 'compute', modelInfer, 'queue'].map((name) => `${name} ${remote.traceId}`),
    );
  },
);

test(
  'calls that were not chosen are kept when they fail by fault of the server',
  { timeout: 240_000 },
  async () => {
    await using collector = new Collector();
    const endpoint = await collector.listen();
    using repository = new RepositoryFolder();
    repository.put('iris/1/model.onnx', iris);
    const server = await startServer({
      repository: repository.path,
      args: ['--trace', 'true'],
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
        OTEL_TRACES_SAMPLER_ARG: '0',
      },
    });
    using connection = await GrpcConnection.open(server.grpcPort);
    await connection.call('ModelInfer', flower());
    // Of no fault of the server.
    await assert.rejects(connection.call('ModelInfer', flower('nobody')), CallError);
    await assert.rejects(connection.call('ModelInfer', inSharedMemory()), CallError);
    assert.equal(await server.stop(), 0);
    assert.deepEqual(
      collector.spans.map((span) => [span.name, attribute(span, 'rpc.status_code')]),
      [[modelInfer, 'UNIMPLEMENTED']],
    );
  },
);

test('a file of OTEL_CONFIG_FILE says where spans go, and as whose', { timeout: 240_000 }, async () => {
  await using collector = new Collector();
  const endpoint = await collector.listen();
  using repository = new RepositoryFolder();
  repository.put('iris/1/model.onnx', iris);
  const file = repository.write(
    'otel.yaml',
    `
file_format: '1.0'
resource: { attributes: [{ name: service.name, value: from-the-file }] }
propagator: { composite: [{ tracecontext: }] }
tracer_provider:
  processors: [{ batch: { exporter: { otlp_http: { endpoint: '${endpoint}/v1/traces', encoding: json } } } }]
`,
  );
  const server = await startServer({
    repository: join(repository.path, 'iris'),
    args: ['--trace', 'true'],
    env: {
      OTEL_CONFIG_FILE: file,
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0',
    },
  });
  using connection = await GrpcConnection.open(server.grpcPort);
  await connection.call('ModelInfer', flower(), { traceparent });
  assert.equal(await server.stop(), 0);
  assert.ok(collector.resources.has('service.name=from-the-file'));
  assert.equal(collector.spans.find(({ name }) => name === modelInfer)?.parentSpanId, remote.spanId);
});

test('in OpenMetrics latencies show the traces of requests', { timeout: 240_000 }, async () => {
  await using collector = new Collector();
  const endpoint = await collector.listen();
  using repository = new RepositoryFolder();
  repository.put('iris/1/model.onnx', iris);
  await using server = await startServer({
    repository: repository.path,
    args: ['--trace', 'true'],
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' },
  });
  using connection = await GrpcConnection.open(server.grpcPort);
  await connection.call('ModelInfer', flower(), { traceparent });
  const scrape = async (accept: string): Promise<string> =>
    (await fetch(`http://${server.metricsAddress}/metrics`, { headers: { accept } })).text();
  let found: RegExpExecArray | null = null;
  // Spans are made some tenths of a second later.
  while (found === null) {
    found = /^tensorgate_request_duration_seconds_bucket\{.*front="grpc".*# \{trace_id="(\w+)"/m.exec(
      await scrape('application/openmetrics-text'),
    );
  }
  assert.equal(found[1], remote.traceId);
  assert.doesNotMatch(await scrape('text/plain'), /trace_id/);
});

test(
  'a collector that is away keeps no call waiting, and the end only as long as its timeout',
  { timeout: 240_000 },
  async () => {
    using repository = new RepositoryFolder();
    repository.put('iris/1/model.onnx', iris);
    const server = await startServer({
      repository: repository.path,
      args: ['--trace', 'true'],
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_EXPORTER_OTLP_TIMEOUT: '500' },
    });
    using connection = await GrpcConnection.open(server.grpcPort);
    await connection.call('ModelInfer', flower());
    assert.equal(await server.stop(), 0);
  },
);

/** What the SDK would otherwise read of the environment: no exporter, so no connection. */
function withoutExporter(t: { after(run: () => void): void }): void {
  process.env['OTEL_TRACES_EXPORTER'] = 'none';
  t.after(() => delete process.env['OTEL_TRACES_EXPORTER']);
}

test("an embedder's own provider gets the spans, and keeps its place", async (t) => {
  withoutExporter(t);
  const tracer = new FakeTracer();
  trace.setGlobalTracerProvider({ getTracer: () => tracer });
  t.after(() => trace.disable());
  const tracing = await startTracing({ version: '1', clock: new FakeClock(), logger: silentLogger });
  const call = new CallContext(0, Infinity);
  call.header = (name) => (name === 'traceparent' ? traceparent : undefined);
  tracing.begin(call, { name: 'a/b', attributes: {} });
  await tracing[Symbol.asyncDispose]();
  await tracing[Symbol.asyncDispose]();
  assert.equal(tracer.spans.length, 1);
  assert.equal(tracer.spans[0]?.parentId, remote.spanId);
  assert.equal(trace.getTracer('again').startSpan('x').spanContext().spanId, 's2');
});
