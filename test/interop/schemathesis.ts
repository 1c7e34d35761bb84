import { execFile } from 'node:child_process';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const root = join(import.meta.dirname, '..', '..');
const schemathesis = join(root, '.tools', 'schemathesis', 'bin', 'schemathesis');
const skip = existsSync(schemathesis)
  ? false
  : 'there is no schemathesis: python3 -m venv .tools/schemathesis && .tools/schemathesis/bin/pip install schemathesis==4.32.5';

test('schemathesis finds nothing that is not as /openapi.json says', { skip }, async () => {
  using folder = new TemporaryFolder();
  await using server = await startServer({ repository: join(root, 'examples', 'models') });
  const base = `http://${server.httpAddress}`;
  const args = ['run', `${base}/openapi.json`, '--max-examples', '10', '--workers', '1', '--seed', '7'];
  const told = await promisify(execFile)(schemathesis, args, { cwd: folder.path, timeout: 240_000 }).catch(
    (error: { readonly stdout: string }) => error,
  );
  assert.match(told.stdout, /No issues found/, told.stdout.slice(-4000));
  assert.match(told.stdout, /(\d+) generated, \1 passed/);
});
