import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runPython } from '../support/run-python.ts';
import { startServer } from '../support/start-server.ts';
import { findPython } from '../support/tools.ts';

const { skip } = findPython();
const generator = join(import.meta.dirname, 'python', 'make_onnx_cases.py');
const tools = join(import.meta.dirname, '..', '..', '.tools');
/** Operators on strings want the locale en_US.UTF-8, which small systems lack. */
const locales = join(tools, 'locales');
const env = existsSync(locales) ? { LOCPATH: locales } : {};
/** A new generator makes a new folder, and so does the locale: with it there are more cases. */
const digest = createHash('sha256')
  .update(readFileSync(generator))
  .update(JSON.stringify(Object.keys(env)))
  .digest('hex')
  .slice(0, 8);
const folder = join(tools, `onnx-cases-${digest}`);
/** One part, which has a sample of all operators, unless all are asked for (npm run test:onnx-cases). */
const all = process.env['ONNX_CASES'] === 'all';

interface Outcome {
  readonly name: string;
  /** '' when the case passed. */
  readonly error: string;
}

/** Cases known to fail, each with its reason. */
const knownFailures: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(join(import.meta.dirname, 'onnx-cases-known-failures.json'), 'utf8'),
);

test("ONNX's own operator cases give the expected answers through the gRPC wire", { skip }, async (t) => {
  if (!existsSync(folder)) await runPython('make_onnx_cases.py', [folder], { env });
  const parts = readdirSync(folder).filter((name) => /^\d+$/.test(name));
  const cases: Outcome[] = [];
  for (const part of all ? parts : parts.slice(0, 1)) cases.push(...(await runPart(join(folder, part))));
  const failed = cases.filter(({ name, error }) => error !== '' && !(name in knownFailures));
  const mended = cases.filter(({ name, error }) => error === '' && name in knownFailures);
  t.diagnostic(`${cases.length} cases, ${cases.filter(({ error }) => error === '').length} passed`);
  assert.deepEqual(failed, []);
  assert.deepEqual(mended, [], 'these pass: take them off the list of known failures');
  assert.ok(cases.length > (all ? 1550 : 90), `only ${cases.length} cases ran`);
});

async function runPart(part: string): Promise<Outcome[]> {
  await using server = await startServer({
    repository: join(part, 'models'),
    args: ['--model-control-mode', 'explicit'],
    env: { ...env, ALLOW_RELEASED_ONNX_OPSET_ONLY: '0' },
  });
  const output = await runPython('run_onnx_cases.py', [server.grpcAddress, part], {
    timeoutMs: 120_000,
    env,
  });
  const outcomes: Outcome[] = JSON.parse(`[${output.trim().replaceAll('\n', ',')}]`);
  return outcomes;
}
