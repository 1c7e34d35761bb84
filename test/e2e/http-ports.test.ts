import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect as connectH2 } from 'node:http2';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { startServer } from '../support/start-server.ts';

const exampleModels = join(import.meta.dirname, '..', '..', 'examples', 'models');
const skip = availableParallelism() < 2 ? 'needs two cores' : false;

/** So many that the kernel puts some on each of two threads, but for one time in 16 million. */
const connectionCount = 24;

const flower = JSON.stringify({
  inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 4], data: [5.1, 3.5, 1.4, 0.2] }],
});

interface Reply {
  readonly status: number | undefined;
  readonly body: string;
}

async function ask(address: string, agent: Agent, path: string, body?: string): Promise<Reply> {
  const method = body === undefined ? 'GET' : 'POST';
  const call = request(`http://${address}${path}`, { method, agent }).end(body);
  const [reply] = await once(call, 'response');
  return { status: reply.statusCode, body: await text(reply) };
}

/** Batches of different sizes may differ in the last digits. */
function rounded(body: string): string {
  return JSON.stringify(JSON.parse(body), (_key, value: unknown) =>
    typeof value === 'number' ? Number(value.toFixed(5)) : value,
  );
}

/** Keep-alive connections, each with an agent of its own. */
function openAgents(): Agent[] {
  return Array.from({ length: connectionCount }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
}

test(
  'HTTP on two I/O threads gives one answer and one count, and settings and models for all',
  { skip },
  async () => {
    await using server = await startServer({
      repository: exampleModels,
      args: [
        '--io-threads',
        '2',
        '--model-control-mode',
        'explicit',
        '--load-model',
        'iris',
        '--allow-settings',
      ],
    });
    const agents = openAgents();
    const all = (path: string, body?: string): Promise<Reply[]> =>
      Promise.all(agents.map((agent) => ask(server.httpAddress, agent, path, body)));
    const answers = new Set((await all('/v2/models/iris/infer', flower)).map(({ body }) => rounded(body)));
    assert.equal(answers.size, 1);
    for (const { body } of await all('/v2/models/iris/stats')) {
      assert.equal(JSON.parse(body).model_stats[0].inference_count, connectionCount);
    }
    const [first] = agents;
    assert.ok(first !== undefined);
    const changed = await ask(server.httpAddress, first, '/v2/logging', '{"log_warning":false}');
    assert.equal(changed.status, 200, changed.body);
    for (const { body } of await all('/v2/logging')) assert.equal(JSON.parse(body).log_warning, false);
    const unloaded = await ask(server.httpAddress, first, '/v2/repository/models/iris/unload', '');
    assert.equal(unloaded.status, 200, unloaded.body);
    for (const { status } of await all('/v2/models/iris/infer', flower)) assert.equal(status, 404);
    for (const agent of agents) agent.destroy();
  },
);

test('the one port of gRPC and HTTP is shared by two I/O threads', { skip }, async () => {
  await using server = await startServer({
    repository: exampleModels,
    args: ['--io-threads', '2', '--http-on-grpc-port'],
  });
  assert.equal(server.httpAddress, server.grpcAddress);
  const agents = openAgents();
  for (const agent of agents) {
    const { status, body } = await ask(server.httpAddress, agent, '/v2/models/iris/infer', flower);
    assert.equal(status, 200, body);
    const session = connectH2(`http://${server.httpAddress}`);
    const stream = session.request({ ':method': 'POST', ':path': '/v2/models/iris/infer' }).end(flower);
    assert.equal(await text(stream), body);
    session.close();
    agent.destroy();
  }
});

test('SIGTERM ends idle connections at once and lets the answered ones go, with 0', async () => {
  const server = await startServer({ repository: exampleModels, args: ['--exit-timeout-secs', '60'] });
  const agents = openAgents();
  for (const agent of agents) {
    assert.equal((await ask(server.httpAddress, agent, '/v2/models/iris/infer', flower)).status, 200);
  }
  const session = connectH2(`http://${server.httpAddress}`);
  // What it still says may meet a connection that has ended.
  session.on('error', () => undefined);
  await text(session.request({ ':path': '/v2/health/live' }));
  const began = performance.now();
  assert.equal(await server.stop(), 0, server.output());
  assert.ok(performance.now() - began < 40_000);
  for (const agent of agents) agent.destroy();
});
