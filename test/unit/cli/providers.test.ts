import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../../src/cli/run.ts';
import { pinnedVersion } from '../../../src/execution/native-binding.ts';
import { bindingFolder, buildCommit } from '../../../src/execution/provider-libraries.ts';
import { buildZip } from '../../support/build-zip.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

const ownCommit = buildCommit(join(bindingFolder(), 'libonnxruntime.so.1')) ?? '';

function wheel(version: string, commit: string): Buffer {
  return buildZip({
    [`onnxruntime_gpu-${version}.dist-info/METADATA`]: Buffer.from(''),
    'onnxruntime/capi/libonnxruntime_providers_shared.so': Buffer.from('shared'),
    'onnxruntime/capi/libonnxruntime_providers_cuda.so': Buffer.from(
      `ELF git-commit-id=${commit}, build type`,
    ),
  });
}

async function install(
  archive: Buffer,
  name = 'a.whl',
  provider = 'cuda',
): Promise<{ code: number; terminal: FakeTerminal; installed: string[] }> {
  using folder = new TemporaryFolder();
  using target = new TemporaryFolder();
  const terminal = new FakeTerminal();
  const path = folder.write(name, archive);
  const code = await run(
    ['providers', 'install', provider, '--from', path, '--folder', target.path],
    terminal,
  );
  const installed = readdirSync(target.path).map(
    (file) => `${file}: ${readFileSync(join(target.path, file), 'latin1').slice(0, 6)}`,
  );
  return { code, terminal, installed };
}

test('libraries of the same version and build are put in their place', async () => {
  const { code, terminal, installed } = await install(wheel(pinnedVersion, ownCommit));
  assert.equal(terminal.error, '');
  assert.equal(code, 0);
  assert.deepEqual(installed, [
    'libonnxruntime_providers_cuda.so: ELF gi',
    'libonnxruntime_providers_shared.so: shared',
  ]);
});

test('another version is refused and nothing is installed', async () => {
  const { code, terminal, installed } = await install(wheel('1.29.0', ownCommit));
  assert.deepEqual([code, installed], [1, []]);
  assert.match(terminal.error, /a\.whl is of version 1\.29\.0, this server needs 1\.30\.0/);
});

test('another build is refused and nothing is installed', async () => {
  const { code, terminal, installed } = await install(wheel(pinnedVersion, '0123456789'));
  assert.deepEqual([code, installed], [1, []]);
  assert.match(terminal.error, /was built from commit 0123456789/);
});

test('a NuGet package tells its version in its name', async () => {
  const files = {
    'runtimes/linux-x64/native/libonnxruntime_providers_shared.so': Buffer.from('shared'),
    'runtimes/linux-x64/native/libonnxruntime_providers_cuda.so': Buffer.from('cuda64'),
  };
  const good = await install(buildZip(files), `microsoft.ml.onnxruntime.gpu.linux.${pinnedVersion}.nupkg`);
  assert.equal(good.installed.length, 2);
  const nameless = await install(buildZip(files), 'runtime.zip');
  assert.match(nameless.terminal.error, /neither an onnxruntime-gpu wheel nor a NuGet package/);
});

test('an archive without the library is refused', async () => {
  const { code, terminal } = await install(wheel(pinnedVersion, ownCommit), 'a.whl', 'tensorrt');
  assert.equal(code, 2);
  assert.match(terminal.error, /holds no libonnxruntime_providers_tensorrt\.so/);
});

test('what is missing on the command line is a usage error', async () => {
  for (const args of [[], ['install'], ['install', 'rocm'], ['install', 'cuda']]) {
    assert.equal(await run(['providers', ...args], new FakeTerminal()), 2);
  }
});
