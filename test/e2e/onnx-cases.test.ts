import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runPython } from '../support/run-python.ts';
import { startServer } from '../support/start-server.ts';
import { findPython } from '../support/tools.ts';

const { skip } = findPython();
const folder = join(import.meta.dirname, '..', '..', '.tools', 'onnx-cases');
const all = process.env['ONNX_CASES'] === 'all';
/** One case in so many, spread over the operators, unless all are asked for (npm run test:onnx-cases). */
const every = all ? 1 : 15;

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
  if (!existsSync(join(folder, 'left-out.json'))) await runPython('make_onnx_cases.py', [folder]);
  await using server = await startServer({
    repository: join(folder, 'models'),
    args: ['--model-control-mode', 'explicit'],
    env: { ALLOW_RELEASED_ONNX_OPSET_ONLY: '0' },
  });
  const output = await runPython('run_onnx_cases.py', [server.grpcAddress, folder, `${every}`], {
    timeoutMs: 280_000,
  });
  const cases: Outcome[] = JSON.parse(`[${output.trim().replaceAll('\n', ',')}]`);
  const failed = cases.filter(({ name, error }) => error !== '' && !(name in knownFailures));
  const mended = cases.filter(({ name, error }) => error === '' && name in knownFailures);
  t.diagnostic(`${cases.length} cases, ${cases.filter(({ error }) => error === '').length} passed`);
  assert.deepEqual(failed, []);
  assert.deepEqual(mended, [], 'these pass: take them off the list of known failures');
  assert.ok(cases.length > (all ? 1450 : 90), `only ${cases.length} cases ran`);
});
