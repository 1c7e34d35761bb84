import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readElfDependencies } from './elf.ts';

/** Where the dynamic loader of this machine would look for a library. Linux with glibc. */
export interface LibrarySearch {
  /** From LD_LIBRARY_PATH as it was when the process started. */
  readonly folders: readonly string[];
  /** From ld.so.cache: name to path. */
  readonly cache: ReadonlyMap<string, string>;
}

const defaultFolders = ['/lib', '/usr/lib', '/lib64', '/usr/lib64'];
const cacheMagic = 'glibc-ld.so.cache1.1';

export function systemLibrarySearch(environment: NodeJS.ProcessEnv = process.env): LibrarySearch {
  const folders = (environment['LD_LIBRARY_PATH'] ?? '').split(':').filter((folder) => folder !== '');
  return { folders, cache: readLoaderCache('/etc/ld.so.cache') };
}

/**
 * Names of the libraries that `path` needs, directly or through others, and that the loader would not find. In the order met.
 */
export function missingLibraries(path: string, search: LibrarySearch): string[] {
  const missing: string[] = [];
  const seen = new Set<string>();
  const open = [path];
  for (let current = open.pop(); current !== undefined; current = open.pop()) {
    const dependencies = readElfDependencies(current);
    if (dependencies === undefined) continue;
    const origin = dirname(current);
    const own = dependencies.searchPaths.map((folder) => folder.replaceAll(/\$\{?ORIGIN\}?/g, origin));
    for (const name of dependencies.needed) {
      if (seen.has(name)) continue;
      seen.add(name);
      const found = locate(name, [...own, ...search.folders], search.cache);
      if (found === undefined) missing.push(name);
      else open.push(found);
    }
  }
  return missing;
}

function locate(
  name: string,
  folders: readonly string[],
  cache: ReadonlyMap<string, string>,
): string | undefined {
  if (name.includes('/')) return existsSync(name) ? name : undefined;
  const cached = cache.get(name);
  const candidates = [
    ...folders.map((folder) => join(folder, name)),
    ...(cached === undefined ? [] : [cached]),
    ...defaultFolders.map((folder) => join(folder, name)),
  ];
  return candidates.find((candidate) => existsSync(candidate));
}

/** The loader's own index of installed libraries, in glibc's format since 2.2. Empty where there is none. */
export function readLoaderCache(path: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return found;
  }
  // An old-format index may stand before the new one, aligned to 8 bytes; offsets count from the new one's start.
  const start = bytes.indexOf(cacheMagic);
  if (start === -1) return found;
  const index = bytes.subarray(start);
  if (index.length < 48) return found;
  const count = index.readUInt32LE(20);
  for (let entry = 0; entry < count; entry += 1) {
    const at = 48 + entry * 24;
    if (at + 24 > index.length) break;
    // The second byte of the flags names the machine; libraries without one are 32-bit.
    if ((index.readInt32LE(at) & 0xff00) === 0) continue;
    const name = textAt(index, index.readUInt32LE(at + 4));
    if (!found.has(name)) found.set(name, textAt(index, index.readUInt32LE(at + 8)));
  }
  return found;
}

function textAt(bytes: Buffer, offset: number): string {
  const end = bytes.indexOf(0, offset);
  return bytes.toString('utf8', offset, end === -1 ? bytes.length : end);
}
