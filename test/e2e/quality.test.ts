import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Connection } from '../../src/client/connection.ts';
import { seededNormal } from '../support/seeded-random.ts';
import { startServer, type RunningServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const iris = join(import.meta.dirname, '..', '..', 'examples', 'models', 'iris');

const modelFile = `
features:
  - { name: sepal_length }
  - { name: sepal_width }
  - { name: petal_length }
  - { name: petal_width }
classes: [setosa, versicolor, virginica]
card:
  version: '2026.11'
  framework: scikit-learn 1.7
  licence: Apache-2.0
  metrics: { accuracy: 0.97 }
monitoring:
  feedback: { windowLabels: 200 }
  drift: { firstRows: 1000, windowRows: 500, windowMinutes: 0.00001, rowsPerSecond: 100000 }
`;

interface Report {
  readonly versions: readonly {
    readonly feedback: {
      readonly accepted: number;
      readonly metrics: { readonly accuracy: number };
      readonly alert: { readonly below: boolean };
    };
    readonly inputs: {
      readonly window?: {
        readonly features: readonly { readonly name: string; readonly drifted: boolean }[];
      };
    };
  }[];
}

interface Told {
  readonly event: string;
  readonly model: string;
  readonly details: { readonly features: readonly string[] };
}

/** Takes what the server tells; only what is signed with the secret counts. */
async function receiveEvents(secret: string) {
  const events: Told[] = [];
  let refused = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const at = String(request.headers['x-tensorgate-timestamp']);
      const expected = `sha256=${createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')}`;
      // The first is asked for again.
      if (refused === 0) {
        refused++;
        response.writeHead(503).end();
        return;
      }
      assert.equal(request.headers['x-tensorgate-signature'], expected);
      events.push(JSON.parse(body) as Told);
      server.emit('told');
      response.writeHead(204).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    events,
    async until(event: string): Promise<Told> {
      for (;;) {
        const found = events.find((told) => told.event === event);
        if (found !== undefined) return found;
        await once(server, 'told');
      }
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

test('labels, drift and a webhook, as a user meets them', async (t) => {
  using folder = new TemporaryFolder();
  cpSync(iris, join(folder.path, 'iris'), { recursive: true });
  writeFileSync(join(folder.path, 'iris', 'model.yaml'), modelFile);
  const secret = '0123456789abcdef';
  writeFileSync(join(folder.path, 'secret'), `${secret}\n`);
  await using hook = await receiveEvents(secret);
  await using server = await startServer({
    repository: join(folder.path, 'iris'),
    args: [
      '--quality-webhook',
      hook.url,
      '--quality-webhook-secret-file',
      join(folder.path, 'secret'),
      '--quality-state',
      join(folder.path, 'state'),
    ],
  });
  const base = `http://${server.httpAddress}/v2/models/iris`;
  const get = async (path: string): Promise<unknown> => (await fetch(`${base}${path}`)).json();
  const metadata = (await get('')) as { readonly inputs: readonly { readonly name: string }[] };
  const input = metadata.inputs[0]?.name ?? '';

  const infer = async (id: string, rows: readonly (readonly number[])[]): Promise<void> => {
    const tensor = { name: input, datatype: 'FP32', shape: [rows.length, 4], data: rows.flat() };
    const response = await fetch(`${base}/infer`, {
      method: 'POST',
      body: JSON.stringify({ id, inputs: [tensor] }),
    });
    assert.equal(response.status, 200, await response.text());
  };
  const feedback = async (body: object): Promise<unknown> =>
    (await fetch(`${base}/feedback`, { method: 'POST', body: JSON.stringify(body) })).json();
  const setosa = [5.1, 3.5, 1.4, 0.2];

  await t.test('the card says where the model comes from', async () => {
    assert.deepEqual(await get('/card'), {
      version: '2026.11',
      framework: 'scikit-learn 1.7',
      licence: 'Apache-2.0',
      metrics: { accuracy: 0.97 },
    });
  });

  await t.test('labels find their requests by id', async () => {
    await infer('a', [setosa, setosa]);
    const none = { accepted: 0, unknown: 0, repeated: 0, unfitting: 0 };
    assert.deepEqual(await feedback({ id: 'nobody', label: 'setosa' }), { ...none, unknown: 1 });
    assert.deepEqual(await feedback({ id: 'a', labels: ['setosa', 0] }), { ...none, accepted: 1 });
    const report = (await get('/quality')) as Report;
    assert.equal(report.versions[0]?.feedback.metrics.accuracy, 1);
  });

  await t.test('a feature that moves has drifted two windows later, and no other has', async () => {
    const normal = seededNormal(1);
    const rows = (count: number, shift: number): readonly (readonly number[])[] =>
      Array.from({ length: count }, () => [
        5.8 + normal(),
        3 + normal() / 2 + shift,
        3.7 + normal(),
        1.2 + normal(),
      ]);
    while (((await get('/quality')) as Report).versions[0]?.inputs.window === undefined) {
      await infer('', rows(32, 0));
    }
    const drifted = async (): Promise<readonly string[]> => {
      const report = (await get('/quality')) as Report;
      const features = report.versions[0]?.inputs.window?.features ?? [];
      return features.filter((feature) => feature.drifted).map(({ name }) => name);
    };
    assert.deepEqual(await drifted(), []);
    for (let i = 0; i < 200 && (await drifted()).length === 0; i++) await infer('', rows(32, 1));
    assert.deepEqual(await drifted(), ['sepal_width']);
    const profile = (await get('/quality/profile')) as { readonly features: readonly object[] };
    assert.equal(profile.features.length, 4);
    assert.deepEqual((await hook.until('drift')).details.features.includes('sepal_width'), true);
  });

  await t.test('labels come by gRPC as well, and a bad quality is told', async () => {
    const quality = new Connection(
      { address: server.grpcAddress },
      'tensorgate/quality/v1/quality.proto',
      'tensorgate.quality.v1.Quality',
    );
    for (let i = 0; i < 150; i++) await infer(`g${i}`, [setosa]);
    const requests = Array.from({ length: 150 }, (_, i) => ({
      id: `g${i}`,
      labels: [i % 2 === 0 ? { name: 'setosa' } : { number: 2 }],
    }));
    const reply = await quality.unary('SendFeedback', { model: 'iris', requests });
    assert.equal(reply['accepted'], 150);
    assert.equal((await hook.until('quality_below_baseline')).model, 'iris');
    const report = JSON.parse(
      String((await quality.unary('GetReport', { model: 'iris' }))['json']),
    ) as Report;
    assert.equal(report.versions[0]?.feedback.alert.below, true);
    quality.close();
  });

  await t.test('the report is a page, and its figures are metrics', async () => {
    const response = await fetch(`${base}/quality.html`);
    const page = await response.text();
    assert.match(response.headers.get('content-type') ?? '', /^text\/html/);
    assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'none'/);
    assert.match(page, /sepal_width<\/b> <span class="bad">drifted/);
    const metrics = await (await fetch(`http://${server.metricsAddress}/metrics`)).text();
    assert.match(metrics, /^tensorgate_drift_drifted\{.*feature="sepal_width"\} 1$/m);
    assert.match(metrics, /^tensorgate_quality_below_baseline\{.*model="iris".*\} 1$/m);
  });

  await t.test('the command line tells labels and shows the report', async () => {
    await infer('c', [setosa]);
    const tensorgate = (...args: readonly string[]) =>
      promisify(execFile)(process.execPath, [
        join(import.meta.dirname, '..', '..', 'bin', 'tensorgate.js'),
        'quality',
        ...args,
        '--address',
        server.grpcAddress,
      ]);
    const told = await tensorgate('feedback', 'iris', '--id', 'c', '--label', 'setosa');
    assert.match(told.stdout, /^1 accepted, 0 of unknown requests/);
    const { stdout } = await tensorgate('report', 'iris');
    assert.match(stdout, /accuracy is beyond its limit/);
    assert.match(stdout, /^sepal_width .* drifted/m);
  });

  await t.test('what is not monitored has no report, and bad labels are refused', async () => {
    assert.equal((await fetch(`http://${server.httpAddress}/v2/models/nobody/quality`)).status, 404);
    const none = { method: 'POST', body: '{"requests":[]}' };
    assert.equal((await fetch(`http://${server.httpAddress}/v2/models/nobody/feedback`, none)).status, 404);
    for (const body of [{}, { id: 'a' }, { id: 1, label: 'x' }, { id: 'a', label: {} }, { requests: 1 }]) {
      const response = await fetch(`${base}/feedback`, { method: 'POST', body: JSON.stringify(body) });
      assert.equal(response.status, 400, JSON.stringify(body));
    }
  });
});

const twoCores = availableParallelism() < 2 ? 'needs two cores' : false;

test(
  'I/O threads: any connection brings the label of a request of any other, also after a restart',
  {
    skip: twoCores,
  },
  async () => {
    using folder = new TemporaryFolder();
    cpSync(iris, join(folder.path, 'iris'), { recursive: true });
    writeFileSync(join(folder.path, 'iris', 'model.yaml'), modelFile);
    const start = (): Promise<RunningServer> =>
      startServer({
        repository: join(folder.path, 'iris'),
        args: ['--io-threads', '2', '--quality-state', join(folder.path, 'state')],
      });
    // Each of these has a connection of its own, which the kernel gives to one of the threads.
    const post = async ({ httpAddress }: RunningServer, path: string, body: object): Promise<unknown> =>
      (
        await fetch(`http://${httpAddress}/v2/models/iris${path}`, {
          method: 'POST',
          headers: { connection: 'close' },
          body: JSON.stringify(body),
        })
      ).json();
    const ids = Array.from({ length: 24 }, (_, i) => `r${i}`);
    const tensor = { name: 'features', datatype: 'FP32', shape: [1, 4], data: [5.1, 3.5, 1.4, 0.2] };
    const none = { accepted: 0, unknown: 0, repeated: 0, unfitting: 0 };
    {
      await using server = await start();
      await Promise.all(ids.map((id) => post(server, '/infer', { id, inputs: [tensor] })));
      for (const counts of await Promise.all(
        ids.slice(1).map((id) => post(server, '/feedback', { id, label: 'setosa' })),
      )) {
        assert.deepEqual(counts, { ...none, accepted: 1 });
      }
      const metrics = await (await fetch(`http://${server.metricsAddress}/metrics`)).text();
      assert.match(metrics, /^tensorgate_quality_labels_total\{.*outcome="accepted"\} 23$/m);
    }
    await using server = await start();
    assert.deepEqual(await post(server, '/feedback', { id: 'r1', label: 'setosa' }), {
      ...none,
      repeated: 1,
    });
    assert.deepEqual(await post(server, '/feedback', { id: 'r0', label: 'setosa' }), {
      ...none,
      accepted: 1,
    });
    const reply = await fetch(`http://${server.httpAddress}/v2/models/iris/quality`);
    assert.equal(((await reply.json()) as Report).versions[0]?.feedback.accepted, 24);
  },
);
