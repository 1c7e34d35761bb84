import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { runChecks } from '../support/run-python.ts';
import { startServer } from '../support/start-server.ts';
import { findPython, findRealModel, skipUnless } from '../support/tools.ts';

const names = ['silero_vad', 'magika', 'rapidocr_cls', 'minilm'];
const files = names.map((name) => findRealModel(`${name}.onnx`));

test('real models', { skip: skipUnless(findPython(), ...files) }, async (t) => {
  const repository = mkdtempSync(join(tmpdir(), 'tensorgate-models-'));
  try {
    for (const [index, name] of names.entries()) {
      const folder = join(repository, name, '1');
      mkdirSync(folder, { recursive: true });
      copyFileSync(files[index]?.path ?? '', join(folder, 'model.onnx'));
    }
    await using server = await startServer({ repository });
    await runChecks(t, 'real_model_checks.py', [server.grpcAddress, dirname(files[0]?.path ?? '')]);
  } finally {
    rmSync(repository, { recursive: true });
  }
});
