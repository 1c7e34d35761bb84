import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { createClient } from '../../src/client/client.ts';
import { root } from '../support/source-tree.ts';
import { startServer, type RunningServer } from '../support/start-server.ts';
import { startInTerminal, terminalMaker } from './support/pseudo-terminal.ts';

const run = promisify(execFile);

function tensorgate(args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return run(process.execPath, [join(root, 'bin', 'tensorgate.js'), ...args]);
}

describe('tensorgate top', { timeout: 240_000 }, () => {
  let server: RunningServer;
  let places: readonly string[];
  const ended = new AbortController();
  let load: Promise<void>;

  before(async () => {
    const args = ['--model-control-mode', 'explicit', '--load-model', 'iris', '--load-model', 'digits'];
    server = await startServer({ repository: join(root, 'examples', 'models'), args });
    places = ['--address', server.grpcAddress, '--metrics', server.metricsAddress];
    load = askUntil(ended.signal, server.grpcAddress);
  });
  after(async () => {
    ended.abort();
    await load;
    await server[Symbol.asyncDispose]();
  });

  test(
    'in a terminal of 80 by 24, it shows the models that are asked, those that are not loaded, and ends with q',
    { skip: terminalMaker.skip },
    async () => {
      await using terminal = startInTerminal(['top', '--interval', '1', ...places]);
      const lines = await terminal.until((shown) => shown.some((line) => /^iris +1 +[1-9]\d*/.test(line)));
      assert.equal(lines.length, 24);
      assert.ok(lines.every((line) => line.length <= 80));
      assert.match(lines[0] ?? '', /^tensorgate \S+ at \S+ {2}ready {2}up /);
      assert.match(lines[4] ?? '', /^MODEL +VER +REQ\/S +ERR\/S +P50 +P95 +P99 +ROWS +QUEUE +CACHE STATE$/);
      const [busiest = '', , idle = ''] = lines.slice(5);
      assert.match(busiest, /^iris +1 +\d+\.?\d* +\S+ +\d+\.?\d* +\d+\.?\d* +\d+\.?\d* +1\.\d +\d+ +ready/);
      assert.match(idle, / - .* not loaded$/);
      terminal.press('\r');
      const details = await terminal.until(
        (shown) =>
          shown[4]?.startsWith('iris  version 1  ready') === true &&
          shown.some((line) => /^answer +\d/.test(line)) &&
          shown.some((line) => / 1 rows #+ \d+/.test(line)),
      );
      assert.equal(details.length, 24);
      terminal.press('q');
      assert.equal(await terminal.ended, 0);
      assert.ok(terminal.output().includes('\u001b[?25h\u001b[?1049l'), 'the cursor and the screen are back');
    },
  );

  test(
    'it keeps the last numbers when the server goes, says so, and ends with Ctrl-C',
    { skip: terminalMaker.skip },
    async () => {
      const other = await startServer({
        repository: join(root, 'examples', 'models', 'iris', '1', 'model.onnx'),
      });
      const at = ['--address', other.grpcAddress, '--metrics', other.metricsAddress];
      await using terminal = startInTerminal(['top', '--interval', '1', ...at], { NO_COLOR: '1' });
      await terminal.until((shown) => shown.some((line) => line.startsWith('model ')));
      await other[Symbol.asyncDispose]();
      const lines = await terminal.until((shown) => shown.at(-1)?.startsWith('no metrics at') === true);
      assert.ok(lines.some((line) => line.startsWith('model ')));
      terminal.press('\u0003');
      assert.equal(await terminal.ended, 0);
    },
  );

  test('--once prints a table, also without a terminal', async () => {
    for (const args of [['--once'], []]) {
      const { stdout, stderr } = await tensorgate(['top', '--interval', '1', ...places, ...args]);
      assert.match(stdout, /^iris +1 +[1-9][\d.]* .* ready$/m);
      assert.ok(!stdout.includes('\u001b'));
      assert.equal(stderr, '');
    }
  });

  test('--once --json is one object for scripts', async () => {
    const { stdout } = await tensorgate(['top', '--once', '--json', '--interval', '1', ...places]);
    const view = JSON.parse(stdout) as {
      readonly server: { readonly ready: boolean };
      readonly versions: readonly {
        readonly model: string;
        readonly requestsPerSecond: number;
        readonly latencyMs: { readonly p99: number };
      }[];
      readonly notServing: readonly { readonly model: string; readonly state: string }[];
    };
    assert.equal(view.server.ready, true);
    const iris = view.versions.find(({ model }) => model === 'iris');
    assert.ok(iris !== undefined && iris.requestsPerSecond > 0 && iris.latencyMs.p99 > 0);
    assert.deepEqual(view.notServing.map(({ model, state }) => `${model} ${state}`).slice(0, 2), [
      'breast_cancer not loaded',
      'diabetes not loaded',
    ]);
  });

  test('without gRPC the numbers are there all the same, and a remark says what is missing', async () => {
    const args = [
      'top',
      '--once',
      '--interval',
      '1',
      '--address',
      '127.0.0.1:1',
      '--metrics',
      server.metricsAddress,
    ];
    const { stdout, stderr } = await tensorgate(args);
    assert.match(stdout, /^iris +1 /m);
    assert.match(stderr, /models that do not serve are not shown/);
  });

  test('without a server it exits with 3 and says where it looked', async () => {
    await assert.rejects(tensorgate(['top', '--once', '--metrics', '127.0.0.1:1']), {
      code: 3,
      stderr: /no metrics at http:\/\/127\.0\.0\.1:1\/metrics .*--metrics names another one/,
    });
  });
});

async function askUntil(signal: AbortSignal, address: string): Promise<void> {
  using client = createClient({ address });
  const data = Float32Array.of(5.1, 3.5, 1.4, 0.2);
  while (!signal.aborted) {
    await client.infer({ model: 'iris', inputs: [{ name: 'features', shape: [1, 4], data }] });
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
