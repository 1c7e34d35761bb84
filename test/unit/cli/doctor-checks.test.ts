import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import {
  checkKeysFile,
  checkPlatform,
  checkPort,
  checkProviders,
  checkRepository,
} from '../../../src/cli/doctor-checks.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

test('a port that is taken is bad, a free one and 0 are good', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
  const address = other.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const taken = await checkPort('gRPC port', '127.0.0.1', port);
  assert.deepEqual([taken.state, taken.detail], ['bad', `127.0.0.1:${port} cannot be used (EADDRINUSE)`]);
  await new Promise<void>((resolve) => void other.close(() => resolve()));
  assert.equal((await checkPort('gRPC port', '127.0.0.1', port)).state, 'good');
  assert.equal((await checkPort('admin port', '127.0.0.1:0')).state, 'good');
  assert.equal((await checkPort('admin port', 'nonsense')).state, 'bad');
});

test('repositories are counted, empty ones noticed, unreadable ones bad', () => {
  using folder = new TemporaryFolder();
  assert.equal(checkRepository(folder.path).state, 'note');
  const file = folder.write('a.onnx', '');
  assert.match(checkRepository(folder.path).detail, /with 1 model$/);
  assert.equal(checkRepository(file).state, 'good');
  assert.equal(checkRepository(folder.write('a.txt', '')).state, 'bad');
  assert.match(checkRepository(`${folder.path}/missing`).detail, /cannot be read \(ENOENT\)/);
  assert.match(checkRepository('examples/models').detail, /with 7 models/);
});

test('a keys file that is wrong is bad', () => {
  using folder = new TemporaryFolder();
  assert.equal(checkKeysFile(folder.write('keys.yaml', 'keys: [{principal: a}]')).state, 'bad');
});

test('platforms without binaries are bad', () => {
  assert.equal(checkPlatform('linux', 'riscv64').state, 'bad');
  assert.equal(checkPlatform('darwin', 'arm64').state, 'good');
});

test('GPU libraries that are missing are notes with their remedy, never faults', () => {
  const findings = checkProviders({
    onnxruntimeVersion: '1.30.0',
    backends: [
      { name: 'cpu', bundled: true },
      { name: 'cuda', bundled: false },
    ],
    driverVersion: undefined,
    devices: [],
    gpuProviders: [
      {
        provider: 'cuda',
        absent: [],
        missing: ['libcublas.so.13'],
        sameBuild: false,
        ready: false,
        remedy: 'install CUDA 13',
      },
      { provider: 'tensorrt', absent: [], missing: [], sameBuild: true, ready: true, remedy: '' },
    ],
  });
  assert.deepEqual(
    findings.map(({ state, what, detail }) => [state, what, detail]),
    [
      ['good', 'ONNX Runtime', '1.30.0, bundled: cpu'],
      ['note', 'GPU', 'no NVIDIA driver'],
      ['note', 'provider cuda', 'missing: libcublas.so.13; built from another commit'],
      ['good', 'provider tensorrt', 'libraries found'],
    ],
  );
  assert.equal(findings[2]?.remedy, 'install CUDA 13');
});
