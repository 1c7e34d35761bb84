import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { createClient } from '../../src/client/client.ts';
import { createRolloutClient } from '../../src/client/rollout-client.ts';
import { fixtureModel } from '../support/build-batch.ts';
import { ForeignServer } from '../support/foreign-server.ts';
import { freePort } from '../support/free-port.ts';
import { startServer, type RunningServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { findVirtualProgram } from '../support/tools.ts';

const python = findVirtualProgram('mlflow');
const timeout = 300_000;
const run = promisify(execFile);

function startRegistry(folder: string): Promise<ForeignServer> {
  const program = join(dirname(python.path), 'mlflow');
  return ForeignServer.start(program, (port) => [
    'server',
    '--backend-store-uri',
    `sqlite:///${folder}/mlflow.db`,
    '--artifacts-destination',
    join(folder, 'artifacts'),
    '--serve-artifacts',
    '--workers',
    '1',
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
  ]);
}

async function publish(registry: ForeignServer): Promise<string> {
  const script = join(import.meta.dirname, 'mlflow-registry.py');
  const env = { ...process.env, MLFLOW_TRACKING_URI: registry.url, GIT_PYTHON_REFRESH: 'quiet' };
  const { stdout } = await run(python.path, [script, fixtureModel('identity_fp32')], {
    timeout: 120_000,
    env,
  });
  return stdout.trim().split('\n').at(-1) ?? '';
}

/** Looks again until it is so; the test's own limit ends it. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await wait(100);
}

async function versionThatAnswers(server: RunningServer): Promise<string> {
  using client = createClient({ address: server.grpcAddress });
  const inputs = [{ name: 'x', shape: [1, 2], data: Float32Array.of(1, 2) }];
  return (await client.infer({ model: 'm', inputs })).version;
}

test('an alias of a real registry is followed, by a rollout', { skip: python.skip, timeout }, async () => {
  using folder = new TemporaryFolder();
  await using registry = await startRegistry(folder.path);
  assert.equal(await publish(registry), '1');
  const admin = `127.0.0.1:${await freePort()}`;
  const plan = join(folder.path, 'plan.yaml');
  writeFileSync(
    plan,
    'strategy: canary\nsteps: [50, 100]\nminutes: 0\nsamples: 20\nguards: { latency: false }\n',
  );
  await using server = await startServer({
    repository: 'models:/m@champion',
    args: `--model-control-mode poll --source-poll-secs 1 --repository-poll-secs 1
      --source-cache ${join(folder.path, 'cache')} --source-rollout ${plan}
      --rollout-state ${join(folder.path, 'rollouts.json')} --admin-address ${admin}`.split(/\s+/),
    env: { MLFLOW_TRACKING_URI: registry.url },
  });
  assert.equal(await versionThatAnswers(server), '1');
  assert.equal(await publish(registry), '2');
  using rollouts = createRolloutClient({ address: admin });
  const phase = async (): Promise<unknown> =>
    (await rollouts.get('m').catch((): Record<string, unknown> => ({})))['phase'];
  const seen = new Set<string>();
  await until(async () => {
    seen.add(await versionThatAnswers(server));
    return (await phase()) === 'promoted';
  });
  await until(async () => (await versionThatAnswers(server)) === '2');
  assert.deepEqual([...seen].sort(), ['1', '2']);
});
