import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { TestFront } from '../conformance/http/support/front.ts';
import { findProgram } from '../support/tools.ts';
import { startPlainServer } from './plain-server.ts';

const run = promisify(execFile);
const h2spec = findProgram('h2spec');

function pem(name: string): Buffer {
  return readFileSync(join(import.meta.dirname, '..', 'fixtures', 'tls', `${name}.pem`));
}

async function runSuite(port: number, more: readonly string[]): Promise<string> {
  const args = ['-h', '127.0.0.1', '-p', String(port), '--timeout', '15', '--strict', ...more];
  const { stdout } = await run(h2spec.path, args, { timeout: 240_000 }).catch(
    (error: { stdout: string }) => error,
  );
  return stdout;
}

/** How many cases each suite has: a run of none would find no failure either. */
const suites = { generic: 44, http2: 95, hpack: 7 } as const;
const allCases = 146;
const casesOnSharedPort = 126;

function assertAllPassed(output: string, cases: number): void {
  assert.ok(output.includes(`${cases} tests, ${cases} passed, 0 skipped, 0 failed`), output);
}

for (const [suite, cases] of Object.entries(suites)) {
  test(`h2spec's ${suite} cases all pass over cleartext`, { skip: h2spec.skip }, async () => {
    const server = await startPlainServer();
    const output = await runSuite(server.port, [suite]);
    await server.drain(0);
    assertAllPassed(output, cases);
  });
}

test("h2spec's cases all pass over TLS", { skip: h2spec.skip }, async () => {
  const server = await startPlainServer({ tls: { cert: pem('server'), key: pem('server-key') } });
  const output = await runSuite(server.port, ['-t', '-k']);
  await server.drain(0);
  assertAllPassed(output, allCases);
});

/**
 * Without the sections in which the suite wants no answer: a port that speaks HTTP/1.1 as well answers what is neither with
 * 400 (section 3), and POST to this path is refused before a second header section can follow (section 8).
 */
const sections = ['generic', 'hpack', 'http2/4', 'http2/5', 'http2/6', 'http2/7'];

test("h2spec's cases pass on a port of HTTP/1.1 and HTTP/2", { skip: h2spec.skip }, async () => {
  await using front = await TestFront.start();
  const output = await runSuite(front.server.port, ['-P', '/v2/health/live', ...sections]);
  assertAllPassed(output, casesOnSharedPort);
});
