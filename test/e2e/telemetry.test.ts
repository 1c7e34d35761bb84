import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const examples = join(import.meta.dirname, '..', '..', 'examples', 'models');

for (const args of [[], ['--io-threads', '2']]) {
  test(`a server keeps no identifier of its machine in the user's folder ${args.join(' ')}`, async () => {
    using home = new TemporaryFolder();
    // ONNX Runtime keeps one to send it with its telemetry, but not where it believes to be tested.
    const env = { HOME: home.path, XDG_CACHE_HOME: home.path, CI: '', GITHUB_ACTIONS: '', TF_BUILD: '' };
    {
      await using _server = await startServer({ repository: examples, env, args });
    }
    assert.deepEqual(readdirSync(home.path), []);
  });
}
