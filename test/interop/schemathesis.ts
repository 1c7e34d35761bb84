import { execFile } from 'node:child_process';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startServer } from '../support/start-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { findVirtualProgram } from '../support/tools.ts';

const root = join(import.meta.dirname, '..', '..');
const schemathesis = findVirtualProgram('schemathesis');
const { skip } = schemathesis;

/** What changes the models that others are asked for. */
const changes = '/(load|unload)$|^/models';

const all = [
  '--allow-settings',
  '--allow-client-shm',
  '--model-control-mode',
  'explicit',
  '--load-model',
  '*',
];

/** The whole takes about a minute. CPython 3.11 fails now and then when two workers parse at a time. */
const bounds = ['--max-examples', '5', '--workers', '1', '--seed', '7', '--no-color', '--warnings', 'off'];

const runs = [
  {
    title: 'the protocol, and all dialects of serving tools',
    server: [...all, '--dialects', 'kserve-v1,tensorflow-serving,torchserve,plain,sagemaker'],
    // None of the examples has explanations, which is a 501.
    paths: ['--exclude-path-regex', `${changes}|^/explanations`],
    least: 3000,
  },
  {
    title: 'what loads and unloads models',
    server: [...all, '--dialects', 'torchserve'],
    // Scaling a model to dozens of instances, as PUT does, takes longer than schemathesis waits.
    paths: ['--include-path-regex', changes, '--exclude-method', 'PUT'],
    least: 100,
  },
  {
    title: 'MLflow, Vertex AI and Azure ML, for a default model',
    server: ['--dialects', 'mlflow,vertex-ai,azure-ml', '--default-model', 'iris'],
    paths: ['--exclude-path-regex', '^/v2'],
    least: 30,
  },
] as const;

for (const { title, server: options, paths, least } of runs) {
  test(`schemathesis finds nothing that is not as /openapi.json says: ${title}`, { skip }, async () => {
    using folder = new TemporaryFolder();
    await using server = await startServer({
      repository: join(root, 'examples', 'models'),
      args: options,
    });
    const args = [
      '--config-file',
      join(import.meta.dirname, 'schemathesis.toml'),
      'run',
      `http://${server.httpAddress}/openapi.json`,
      ...bounds,
      ...paths,
    ];
    const told = await promisify(execFile)(schemathesis.path, args, {
      cwd: folder.path,
      timeout: 240_000,
      maxBuffer: 64 << 20,
    }).catch((error: { readonly stdout: string }) => error);
    const [, generated] = /(\d+) generated, \1 passed/.exec(told.stdout) ?? [];
    assert.ok(Number(generated) >= least, told.stdout.slice(-8000));
    assert.doesNotMatch(told.stdout, /ST\d\d\d|[Ee]rrors?:/);
  });
}
