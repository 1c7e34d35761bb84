import { execFile } from 'node:child_process';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { findProgram } from '../support/tools.ts';

const analyzer = findProgram('perf_analyzer');
const { skip } = analyzer;
const models = join(import.meta.dirname, '..', '..', 'examples', 'models');
const rows = 2;
const concurrency = 2;
const requests = 2000;

/** What perf_analyzer prints; microseconds. */
interface Report {
  readonly clientRequests: number;
  readonly latency: number;
  readonly inferences: number;
  readonly executions: number;
  readonly successes: number;
  readonly server: number;
  readonly parts: Readonly<Record<string, number>>;
}

async function measure(more: readonly string[]): Promise<Report> {
  using folder = new TemporaryFolder();
  // So many requests and no more; the figures themselves mean nothing here, only that they fit together.
  const asked = `-m iris -b ${rows} --concurrency-range ${concurrency} --request-count ${requests}`;
  const args = [...asked.split(' '), ...more];
  const { stdout } = await promisify(execFile)(analyzer.path, args, { cwd: folder.path, timeout: 240_000 });
  const number = (pattern: RegExp): number => {
    const [, found] = pattern.exec(stdout) ?? [];
    assert.ok(found !== undefined, `${pattern.source}\nis not in\n${stdout}`);
    return Number(found);
  };
  const split = /Avg request latency: \d+ usec \((.*)\)/.exec(stdout)?.[1] ?? '';
  const parts = Array.from(split.matchAll(/([a-z][a-z ]*?) (\d+) usec/g), ([, name = '', us]) => [
    name,
    Number(us),
  ]);
  return {
    clientRequests: number(/Request count: (\d+)/),
    latency: number(/Avg latency: (\d+) usec/),
    inferences: number(/Inference count: (\d+)/),
    executions: number(/Execution count: (\d+)/),
    successes: number(/Successful request count: (\d+)/),
    server: number(/Avg request latency: (\d+) usec/),
    parts: Object.fromEntries(parts),
  };
}

function assertPlausible(report: Report): void {
  const { clientRequests, latency, inferences, executions, successes, server, parts } = report;
  const told = JSON.stringify(report);
  assert.equal(clientRequests, requests, told);
  // It asks for the server's counters when the first requests are under way, or answered.
  assert.ok(successes > 0 && successes <= requests, told);
  assert.equal(inferences, successes * rows, told);
  assert.ok(executions > 0 && executions <= successes, told);
  assert.deepEqual(Object.keys(parts), [
    'overhead',
    'queue',
    'compute input',
    'compute infer',
    'compute output',
  ]);
  const sum = Object.values(parts).reduce((total, part) => total + part, 0);
  // Each is rounded down by itself; the overhead is what is left, and never less than nothing.
  assert.ok(Math.abs(sum - server) <= 5, told);
  assert.ok((parts['compute infer'] ?? 0) > 0, told);
  // What these took at the server is a part of what all took; both means are rounded down.
  assert.ok(server > 0 && server * successes <= (latency + 1) * clientRequests, told);
}

/** Its forms with shared memory do not start where there is no CUDA, not even those with that of the system. */
const ways = [
  ['gRPC', 'grpc', []],
  ['gRPC streams', 'grpc', ['--streaming']],
  ['HTTP', 'http', []],
  ['HTTP in JSON', 'http', ['--input-tensor-format', 'json', '--output-tensor-format', 'json']],
] as const;

test("Triton's perf_analyzer", { skip }, async (t) => {
  await using server = await startServer({ repository: models });
  for (const [title, protocol, more] of ways) {
    await t.test(`splits latency plausibly over ${title}`, async () => {
      const address = protocol === 'grpc' ? server.grpcAddress : server.httpAddress;
      assertPlausible(await measure(['-i', protocol, '-u', address, ...more]));
    });
  }
});
