import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readElfDependencies } from '../../../src/execution/elf.ts';
import { missingLibraries, readLoaderCache } from '../../../src/execution/library-search.ts';
import { bindingFolder, buildCommit, inspectProvider } from '../../../src/execution/provider-libraries.ts';
import { parseDevices, parseDriverVersion } from '../../../src/execution/describe-providers.ts';
import { buildElf, buildLoaderCache } from '../../support/build-elf.ts';

type Files = Readonly<Record<string, Buffer | string>>;

function withFiles(files: Files, run: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'libraries-'));
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const commit = (id: string) => Buffer.from(`ORT Build Info: git-commit-id=${id}, build type=Release\0`);
const withCommit = (needed: readonly string[], id: string) => Buffer.concat([buildElf(needed), commit(id)]);
const emptySearch = { folders: [], cache: new Map<string, string>() };

test('the needed libraries and search paths of an ELF file are read', () => {
  withFiles({ 'a.so': buildElf(['libb.so.1', 'libc.so.2'], '$ORIGIN:/opt/x') }, (folder) => {
    assert.deepEqual(readElfDependencies(join(folder, 'a.so')), {
      needed: ['libb.so.1', 'libc.so.2'],
      searchPaths: ['$ORIGIN', '/opt/x'],
    });
  });
});

test('what is no ELF file, cut or absent is told apart from a library without needs', () => {
  withFiles(
    { text: 'hello', cut: buildElf(['x']).subarray(0, 100), empty: '', none: buildElf([]) },
    (folder) => {
      const read = (name: string) => readElfDependencies(join(folder, name));
      assert.deepEqual(
        ['text', 'empty', 'absent'].map((name) => read(name)),
        [undefined, undefined, undefined],
      );
      assert.notEqual(read('cut')?.needed[0], 'x');
      assert.deepEqual(read('none')?.needed, []);
    },
  );
});

test('libraries missing at any depth are found, each once, whichever way the others are found', () => {
  const files = {
    'top.so': buildElf(['beside.so', 'cached.so', 'gone.so'], '$ORIGIN'),
    'beside.so': buildElf(['deep-gone.so', 'top.so', 'gone.so']),
    'in-cache': buildElf(['cache-gone.so']),
  };
  withFiles(files, (folder) => {
    const cache = new Map([['cached.so', join(folder, 'in-cache')]]);
    assert.deepEqual(missingLibraries(join(folder, 'top.so'), { folders: [folder], cache }).sort(), [
      'cache-gone.so',
      'deep-gone.so',
      'gone.so',
    ]);
  });
});

test('the loader cache is read, without libraries for 32 bits', () => {
  const known = { 'liba.so.1': '/lib/liba.so.1', 'libb.so': '/opt/libb.so' };
  withFiles({ cache: buildLoaderCache(known, ['libb.so']), broken: 'glibc-ld.so.cache1.1' }, (folder) => {
    assert.deepEqual([...readLoaderCache(join(folder, 'cache'))], [['liba.so.1', '/lib/liba.so.1']]);
    assert.equal(readLoaderCache(join(folder, 'broken')).size, 0);
    assert.equal(readLoaderCache(join(folder, 'absent')).size, 0);
  });
});

const shared = 'libonnxruntime_providers_shared.so';
const cuda = 'libonnxruntime_providers_cuda.so';

test('absent provider libraries are named', () => {
  withFiles({ 'libonnxruntime.so.1': commit('f2c39fe2f') }, (folder) => {
    const found = inspectProvider('cuda', folder, emptySearch);
    assert.deepEqual([found.absent, found.missing, found.ready], [[shared, cuda], [], false]);
    assert.match(
      found.remedy,
      process.platform === 'linux' && process.arch === 'x64'
        ? /providers install cuda --from </
        : /linux x64/,
    );
  });
});

test('missing CUDA libraries are named, also those that the provider loads later', () => {
  const files = {
    'libonnxruntime.so.1': commit('f2c39fe2f'),
    [shared]: buildElf([]),
    [cuda]: withCommit(['libcudart.so.13', 'libcuda.so.1'], 'f2c39fe2f'),
  };
  withFiles(files, (folder) => {
    const found = inspectProvider('cuda', folder, emptySearch);
    assert.deepEqual(found.missing, ['libcudart.so.13', 'libcuda.so.1', 'libcudnn.so.9', 'libcufft.so.12']);
    assert.deepEqual([found.sameBuild, found.ready], [true, false]);
  });
});

test('a provider with everything in place is ready, one of another build is not', () => {
  const files = (id: string) => ({
    'libonnxruntime.so.1': commit('f2c39fe2f'),
    [shared]: buildElf([]),
    [cuda]: withCommit(['libcudart.so.13'], id),
    'libcudart.so.13': buildElf([]),
    'libcudnn.so.9': buildElf([]),
    'libcufft.so.12': buildElf([]),
  });
  withFiles(files('f2c39fe2f'), (folder) => {
    const { ready, remedy } = inspectProvider('cuda', folder, emptySearch);
    assert.deepEqual([ready, remedy], [true, '']);
  });
  withFiles(files('0123abc'), (folder) => {
    const { ready, sameBuild } = inspectProvider('cuda', folder, emptySearch);
    assert.deepEqual([ready, sameBuild], [false, false]);
  });
});

test('the commit is found across the chunks that a file is read in', () => {
  const chunk = 4 * 2 ** 20;
  for (const before of [chunk - 20, chunk - 70, chunk - 64]) {
    withFiles({ lib: Buffer.concat([Buffer.alloc(before), commit('abcdef012')]) }, (folder) => {
      assert.equal(buildCommit(join(folder, 'lib')), 'abcdef012');
    });
  }
});

test('the installed binding names its commit', { skip: process.platform !== 'linux' }, () => {
  assert.match(buildCommit(join(bindingFolder(), 'libonnxruntime.so.1')) ?? '', /^[0-9a-f]{7,}$/);
});

test('the driver and the devices are read from NVIDIA’s words', () => {
  const version =
    'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (dvs-builder)\nGCC version: 12\n';
  assert.equal(parseDriverVersion(version), '580.95.05');
  assert.equal(parseDriverVersion(''), undefined);
  assert.deepEqual(parseDevices('NVIDIA H200, 143771\nNVIDIA A10G, 23028\nNo devices\n'), [
    { name: 'NVIDIA H200', memoryMiB: 143_771 },
    { name: 'NVIDIA A10G', memoryMiB: 23_028 },
  ]);
});
