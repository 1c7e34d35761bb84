import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { ProviderName } from '../inference/executor.ts';
import { missingLibraries, systemLibrarySearch } from './library-search.ts';
import type { LibrarySearch } from './library-search.ts';
import { pinnedVersion } from './native-binding.ts';

export type GpuProviderName = Exclude<ProviderName, 'cpu'>;

/** What stands between this process and a GPU provider. Ready when nothing is missing and the builds match. */
export interface ProviderLibraries {
  readonly provider: GpuProviderName;
  /** Of onnxruntime's own provider libraries, those not beside the binding. */
  readonly absent: readonly string[];
  /** Of CUDA's and TensorRT's libraries, those that the loader would not find. */
  readonly missing: readonly string[];
  /** False when the provider was built from another commit than the binding; undefined where that cannot be read. */
  readonly sameBuild: boolean | undefined;
  readonly ready: boolean;
  /** What to do about it, in one sentence; '' when ready. */
  readonly remedy: string;
}

export const gpuProviders: readonly GpuProviderName[] = ['cuda', 'tensorrt'];

/** Loaded by the provider when it runs, so its ELF file does not name them. */
const loadedLater = {
  cuda: ['libcudnn.so.9', 'libcufft.so.12'],
  tensorrt: ['libcudnn.so.9'],
} as const satisfies Record<GpuProviderName, readonly string[]>;

/** Where onnxruntime-node keeps its binding for this machine, and looks for providers. */
export function bindingFolder(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  return join(dirname(dirname(entry)), 'bin', 'napi-v6', process.platform, process.arch);
}

/** @param folder that of the binding. */
export function inspectProvider(
  provider: GpuProviderName,
  folder: string = bindingFolder(),
  search: LibrarySearch = systemLibrarySearch(),
): ProviderLibraries {
  // TensorRT hands what it cannot run to CUDA.
  const kinds = provider === 'cuda' ? ['shared', 'cuda'] : ['shared', 'cuda', 'tensorrt'];
  const names = kinds.map((kind) => `libonnxruntime_providers_${kind}.so`);
  const absent = names.filter((name) => !existsSync(join(folder, name)));
  const inFolder = { folders: [folder, ...search.folders], cache: search.cache };
  const missing = new Set<string>();
  for (const name of names) {
    for (const library of missingLibraries(join(folder, name), inFolder)) missing.add(library);
  }
  if (absent.length === 0) {
    for (const library of missingByName(loadedLater[provider], inFolder)) missing.add(library);
  }
  const sameBuild = absent.length > 0 ? undefined : buildsMatch(folder, names.slice(1));
  const ready = absent.length === 0 && missing.size === 0 && sameBuild !== false;
  const found = { provider, absent, missing: [...missing], sameBuild };
  return { ...found, ready, remedy: ready ? '' : remedyFor(found) };
}

function missingByName(names: readonly string[], search: LibrarySearch): string[] {
  return names.filter((name) => {
    if (search.cache.has(name)) return false;
    return !search.folders.some((folder) => existsSync(join(folder, name)));
  });
}

function remedyFor({
  provider,
  absent,
  missing,
}: Pick<ProviderLibraries, 'provider' | 'absent' | 'missing'>): string {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `onnxruntime has the ${provider} provider for linux x64 only`;
  }
  if (absent.length > 0) {
    return `put ${absent.join(', ')} of onnxruntime ${pinnedVersion} beside its binding: tensorgate providers install ${provider} --from <wheel or NuGet package>`;
  }
  if (missing.length === 0) {
    return `install provider libraries of the binding’s own build, onnxruntime ${pinnedVersion}`;
  }
  const tensorrt = missing.some(
    (name) => name.startsWith('libnvinfer') || name.startsWith('libnvonnxparser'),
  );
  return `install CUDA 13 and cuDNN 9${tensorrt ? ' and TensorRT 10' : ''} where the loader looks (LD_LIBRARY_PATH or ldconfig)${
    missing.includes('libcuda.so.1') ? '; libcuda.so.1 comes with the NVIDIA driver' : ''
  }`;
}

function buildsMatch(folder: string, providers: readonly string[]): boolean | undefined {
  const own = buildCommit(join(folder, 'libonnxruntime.so.1'));
  if (own === undefined) return undefined;
  const others = providers.map((name) => buildCommit(join(folder, name)));
  if (others.includes(undefined)) return undefined;
  return others.every((commit) => commit === own);
}

const commitMark = 'git-commit-id=';

/** The commit that an onnxruntime library was built from, which its build leaves in the read-only data. */
export function buildCommit(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  const file = openSync(path, 'r');
  try {
    const overlap = 64;
    const chunk = Buffer.alloc(4 * 2 ** 20);
    for (let offset = 0; ; offset += chunk.length - overlap) {
      const bytes = chunk.subarray(0, readSync(file, chunk, 0, chunk.length, offset));
      const at = bytes.indexOf(commitMark);
      if (at !== -1 && (at + overlap <= bytes.length || bytes.length < chunk.length)) {
        const text = bytes.toString('latin1', at + commitMark.length, at + overlap);
        return /^[0-9a-f]{7,40}/.exec(text)?.[0];
      }
      if (bytes.length < chunk.length) return undefined;
    }
  } finally {
    closeSync(file);
  }
}
