/**
 * npm run soak [-- --quick]: the server's memory must not grow under long load, nor over many loads and unloads.
 * Two minutes of load and 200 loads; with --quick less of the first, for CI.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from '../../src/client/client.ts';
import { rssBytes } from '../support/process-usage.ts';
import { framed, inferPath, inferRequest, replySizeBytes } from '../support/raw-infer.ts';
import { startServer } from '../support/start-server.ts';
import { findProgram } from '../support/tools.ts';
import { describeGrowth, growthOfSecondHalf, isSteady } from './rss-growth.ts';

const mebibyte = 1024 * 1024;
const quick = process.argv.includes('--quick');
const loadSeconds = quick ? 40 : 120;
const loads = 200;
const exampleModels = join(import.meta.dirname, '..', '..', 'examples', 'models');
const h2load = findProgram('h2load');
const scratch = mkdtempSync(join(tmpdir(), 'tensorgate-soak-'));
after(() => rmSync(scratch, { recursive: true }));

const body = framed(inferRequest({ model: 'digits', input: 'image', dims: [8, 8] }));
const bodyFile = join(scratch, 'body');
writeFileSync(bodyFile, body);

function startLoad(port: number, seconds: number): ChildProcess {
  const load = `-t 1 -c 16 -m 8 -D ${seconds}`;
  const headers = ['-H', 'content-type: application/grpc', '-H', 'te: trailers'];
  const url = `http://127.0.0.1:${port}${inferPath}`;
  return spawn(h2load.path, [...load.split(' '), ...headers, '-d', bodyFile, url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Full load for so long; a reading of the server's memory each second. */
async function readUnderLoad(server: { pid: number; grpcPort: number }, seconds: number): Promise<number[]> {
  const size = await replySizeBytes(server.grpcPort, body);
  const load = startLoad(server.grpcPort, seconds);
  const output: string[] = [];
  load.stdout?.setEncoding('utf8').on('data', (text: string) => output.push(text));
  const closed = once(load, 'close');
  const readings: number[] = [];
  for (let second = 0; second < seconds; second += 1) {
    await delay(1000);
    readings.push(rssBytes(server.pid));
  }
  await closed;
  const text = output.join('');
  const answered = Number(/(\d+) succeeded/.exec(text)?.[1]);
  const dataBytes = Number(/\((\d+)\) data$/m.exec(text)?.[1]);
  assert.ok(answered > 100 * seconds, `only ${answered} answers in ${seconds} s`);
  // Streams cut off at the end leave partial replies; errors would leave none at all.
  assert.ok(dataBytes >= answered * size, 'some answers were errors');
  return readings;
}

test('memory is steady under full load', { skip: h2load.skip }, async (t) => {
  await using server = await startServer({ repository: exampleModels });
  const readings = await readUnderLoad(server, loadSeconds);
  t.diagnostic(readings.map((bytes) => Math.round(bytes / mebibyte)).join(' '));
  const growth = growthOfSecondHalf(readings);
  t.diagnostic(describeGrowth(growth));
  assert.ok(isSteady(growth), describeGrowth(growth));
});

test('memory is steady over loads and unloads', async (t) => {
  await using server = await startServer({
    repository: exampleModels,
    args: ['--model-control-mode', 'explicit'],
  });
  using client = createClient({ address: server.grpcAddress });
  const readings: number[] = [];
  for (let load = 0; load < loads; load += 1) {
    await client.load('digits');
    const image = { name: 'image', shape: [1, 8, 8], data: new Float32Array(64) };
    await client.infer({ model: 'digits', inputs: [image] });
    await client.unload('digits');
    readings.push(rssBytes(server.pid));
  }
  const growth = growthOfSecondHalf(readings);
  t.diagnostic(describeGrowth(growth));
  assert.ok(isSteady(growth), describeGrowth(growth));
});

test('a server that leaks is found out', { skip: h2load.skip }, async (t) => {
  const leak = join(import.meta.dirname, 'leak.ts');
  await using server = await startServer({
    repository: exampleModels,
    env: { NODE_OPTIONS: `--import=${leak}` },
  });
  const growth = growthOfSecondHalf(await readUnderLoad(server, 30));
  t.diagnostic(describeGrowth(growth));
  assert.equal(isSteady(growth), false);
});
