import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { createClient } from '../../src/client/client.ts';
import { fixtureModel } from '../support/build-batch.ts';
import { redisProgram, RedisServer } from '../support/redis-server.ts';
import { RepositoryFolder } from '../support/repository-folder.ts';
import { root } from '../support/source-tree.ts';
import { startServer, type RunningServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { skipUnless } from '../support/tools.ts';
import { findDeployProgram, runTool } from './support/deploy-tools.ts';

const folder = join(root, 'deploy', 'compose');
const composeCheck = findDeployProgram('compose-check');
const envoy = findDeployProgram('envoy');
const prometheus = findDeployProgram('prometheus');

function read(name: string): string {
  return readFileSync(join(folder, name), 'utf8');
}

interface Service {
  readonly volumes?: readonly { readonly type: string; readonly source: string }[];
}

describe('the compose file', { skip: composeCheck.skip }, () => {
  test('follows the schema of Compose, and every file that it mounts exists', async () => {
    const text = await runTool(composeCheck, ['-format', 'json', 'compose.yaml'], folder);
    const { services } = JSON.parse(text) as { readonly services: Readonly<Record<string, Service>> };
    assert.deepEqual(Object.keys(services).sort(), [
      'collector',
      'envoy',
      'grafana',
      'prometheus',
      'redis',
      'server',
    ]);
    const sources = Object.values(services).flatMap(({ volumes = [] }) =>
      volumes.map(({ source }) => source),
    );
    assert.equal(sources.length, 8);
    assert.deepEqual(
      sources.filter((source) => !existsSync(source)),
      [],
    );
  });

  test('would be refused with a word that Compose does not know', async () => {
    using copy = new TemporaryFolder();
    const wrong = copy.write('compose.yaml', read('compose.yaml').replace('cap_drop', 'drop_cap'));
    await assert.rejects(runTool(composeCheck, [wrong]), /drop_cap/);
  });
});

interface Endpoint {
  readonly endpoint: { readonly address: { readonly socket_address: object } };
}

/** What the plain processes take from the compose file. */
function composeServices(): {
  readonly server: { readonly environment: Readonly<Record<string, string>> };
  readonly redis: { readonly command: readonly string[] };
} {
  const { services } = parse(read('compose.yaml')) as {
    readonly services: ReturnType<typeof composeServices>;
  };
  return services;
}

/** The edge's configuration with the servers' addresses instead of names, on a free port. */
function edgeOf(servers: readonly RunningServer[]): string {
  const config = parse(read('envoy.yaml'), { merge: true }) as {
    admin?: object;
    readonly static_resources: {
      readonly listeners: [{ address: object }];
      readonly clusters: readonly {
        readonly name: string;
        readonly load_assignment: { readonly endpoints: [{ lb_endpoints: readonly Endpoint[] }] };
      }[];
    };
  };
  const local = (port: string | number): { readonly socket_address: object } => ({
    socket_address: { address: '127.0.0.1', port_value: Number(port) },
  });
  config.admin = { address: local(0) };
  config.static_resources.listeners[0].address = local(0);
  for (const { name, load_assignment } of config.static_resources.clusters) {
    load_assignment.endpoints[0].lb_endpoints = servers.map((server) => {
      const address = name === 'grpc' ? server.grpcAddress : server.httpAddress;
      return { endpoint: { address: local(address.split(':')[1] ?? '') } };
    });
  }
  return JSON.stringify(config);
}

/** Prometheus' configuration with the servers' addresses and the rules where they lie, every half second. */
function collectionOf(servers: readonly RunningServer[]): string {
  const config = parse(read('prometheus.yaml')) as {
    readonly global: object;
    readonly scrape_configs: readonly { readonly job_name: string }[];
  };
  return JSON.stringify({
    global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '500ms' },
    rule_files: [join(root, 'deploy', 'prometheus', 'tensorgate.rules.yaml')],
    scrape_configs: config.scrape_configs.map(({ job_name }) => ({
      job_name,
      static_configs: [{ targets: servers.map(({ metricsAddress }) => metricsAddress) }],
    })),
  });
}

/** A process that ends when disposed, and all that it has printed. */
function startProgram(path: string, args: readonly string[]): AsyncDisposable & { output(): string } {
  const child: ChildProcess = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  return {
    output: () => output,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await closed;
    },
  };
}

async function until<Found>(what: string, look: () => Promise<Found | undefined>): Promise<Found> {
  const limit = performance.now() + 60_000;
  for (;;) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    if (performance.now() > limit) throw new Error(`${what} did not come about`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe(
  'the services of Compose as plain processes',
  { skip: skipUnless(envoy, prometheus, redisProgram), timeout: 240_000 },
  () => {
    const resources = new AsyncDisposableStack();
    const temporary = resources.use(new TemporaryFolder());
    let edge = '';
    let collected = '';
    let servers: readonly RunningServer[] = [];

    before(async () => {
      const cached = resources.use(new RepositoryFolder());
      cached.put('cached/1/model.onnx', readFileSync(fixtureModel('busy')));
      cached.put('cached/config.pbtxt', Buffer.from('response_cache { enable: true }\n'));
      const repository = [join(root, 'examples', 'models'), cached.path];
      const { server, redis } = composeServices();
      const shared = resources.use(await RedisServer.start({ args: redis.command.slice(1) }));
      assert.equal(server.environment['TENSORGATE_CACHE_REDIS'], 'redis:6379');
      // The budget is for a machine that has much else to do.
      const env = { TENSORGATE_CACHE_REDIS: shared.address, TENSORGATE_CACHE_REDIS_BUDGET: '1000' };
      servers = await Promise.all([startServer({ repository, env }), startServer({ repository, env })]);
      for (const server of servers) resources.use(server);
      const admin = join(temporary.path, 'admin');
      const config = temporary.write('envoy.json', edgeOf(servers));
      const flags = ['--disable-hot-restart', '--concurrency', '1', '--log-level', 'error'];
      resources.use(startProgram(envoy.path, [...flags, '--admin-address-path', admin, '-c', config]));
      edge = await until('an edge that finds four healthy addresses', async () => {
        const base = `http://${readFileSync(admin, 'utf8')}`;
        const stats = await (await fetch(`${base}/stats?filter=membership_healthy`)).text();
        if (stats.match(/: 2$/gm)?.length !== 2) return undefined;
        return /127\.0\.0\.1:\d+/.exec(await (await fetch(`${base}/listeners`)).text())?.[0];
      });
      const collector = startProgram(prometheus.path, [
        `--config.file=${temporary.write('prometheus.json', collectionOf(servers))}`,
        `--storage.tsdb.path=${join(temporary.path, 'data')}`,
        '--web.listen-address=127.0.0.1:0',
      ]);
      resources.use(collector);
      collected = await until(
        'a Prometheus that says where it listens',
        async () => /msg="Listening on" address=(127\.0\.0\.1:(?!0\b)\d+)/.exec(collector.output())?.[1],
      );
    });
    after(() => resources.disposeAsync());

    test('gRPC and HTTP reach both servers through the one port of the edge', async () => {
      using client = createClient({ address: edge });
      const features = Float32Array.of(5.1, 3.5, 1.4, 0.2);
      for (let call = 0; call < 20; call++) {
        const { outputs } = await client.infer({
          model: 'iris',
          inputs: [{ name: 'features', shape: [1, 4], data: features }],
        });
        assert.deepEqual(outputs[0]?.data, BigInt64Array.of(0n));
        const response = await fetch(`http://${edge}/v2/models/iris/infer`, {
          method: 'POST',
          body: JSON.stringify({
            inputs: [{ name: 'features', datatype: 'FP32', shape: [1, 4], data: [...features] }],
          }),
        });
        assert.equal(response.status, 200);
      }
      for (const { metricsAddress } of servers) {
        const page = await (await fetch(`http://${metricsAddress}/metrics`)).text();
        for (const front of ['grpc', 'http']) {
          const line = new RegExp(
            `tensorgate_request_duration_seconds_count\\{model="iris",version="1",front="${front}"\\} 10$`,
            'm',
          );
          assert.match(page, line);
        }
      }
    });

    test('what one server has answered, the other one finds in Redis', async () => {
      const [one, other] = servers.map(({ grpcAddress }) =>
        resources.use(createClient({ address: grpcAddress })),
      );
      let rounds = 20_000n;
      await until('an answer of the other server', async () => {
        rounds += 1n;
        const request = {
          model: 'cached',
          inputs: [{ name: 'rounds', shape: [], data: BigInt64Array.of(rounds) }],
        };
        await one?.infer(request);
        const answer = await other?.infer(request);
        return answer?.parameters['cache_hit'] === true ? rounds : undefined;
      });
    });

    test('Prometheus scrapes both, and the recording rules give numbers', async () => {
      const query = async (expr: string): Promise<number | undefined> => {
        const url = `http://${collected}/api/v1/query?query=${encodeURIComponent(expr)}`;
        const answer = (await (await fetch(url)).json()) as {
          readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] };
        };
        const value = Number(answer.data.result[0]?.value[1]);
        return Number.isNaN(value) ? undefined : value;
      };
      const ready = await until('two servers that are ready', async () =>
        (await query('sum(tensorgate_ready{job="tensorgate"})')) === 2 ? 2 : undefined,
      );
      assert.equal(ready, 2);
      using client = createClient({ address: edge });
      const failed = await until('a ratio of failed requests', async () => {
        const data = Float32Array.of(5.1, 3.5, 1.4, 0.2);
        await client.infer({ model: 'iris', inputs: [{ name: 'features', shape: [1, 4], data }] });
        return query('job:tensorgate_requests_failed:ratio_rate5m{job="tensorgate"}');
      });
      assert.equal(failed, 0);
      assert.equal(await query('count(ALERTS{alertstate="firing"})'), undefined);
    });
  },
);
