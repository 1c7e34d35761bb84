import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { confinedPath, isMissing } from './confined-path.ts';
import type { ModelSource } from './model-source.ts';

/** Small enough that hashing one piece does not hold up requests on the same thread. */
const pieceBytes = 256 * 1024;
const mostEntries = 100_000;

/** Hex sha256 over the contents of files, in the order given; their names and places do not count. */
export async function contentDigest(files: readonly string[]): Promise<string> {
  const whole = createHash('sha256');
  for (const file of files) {
    const hash = createHash('sha256');
    for await (const piece of createReadStream(file, { highWaterMark: pieceBytes }))
      hash.update(piece as Buffer);
    whole.update(hash.digest());
  }
  return whole.digest('hex');
}

/**
 * Changes when anything in the model's place may have changed. Reads no contents, only sizes and times.
 *
 * @throws when the model's own folder cannot be read.
 */
export async function contentStamp(source: ModelSource): Promise<string> {
  const hash = createHash('sha256')
    .update(source.folder)
    .update('\n')
    .update(source.configText ?? '');
  const single = [...source.versions.values()].find(({ file }) => file !== undefined)?.file;
  // A file in a flat folder is a model of its own; what is beside it may be its data.
  const counts = (name: string, isFolder: boolean): boolean =>
    single === undefined || name === single || !(isFolder || name.endsWith('.onnx'));
  const walk: Walk = { root: source.root, lines: [], seen: new Set() };
  await describe(source.folder, counts, walk);
  for (const line of walk.lines.sort()) hash.update(line);
  return hash.digest('hex');
}

interface Walk {
  /** Real path of the repository: what lies elsewhere is never served, so it does not count. */
  readonly root: string;
  readonly lines: string[];
  /** Real paths of folders: each counts once, however many links lead to it or in a circle. */
  readonly seen: Set<string>;
}

/** @param folder a real path. */
async function describe(
  folder: string,
  counts: (name: string, isFolder: boolean) => boolean,
  walk: Walk,
): Promise<void> {
  const { root, lines, seen } = walk;
  if (seen.has(folder) || seen.size + lines.length >= mostEntries) return;
  seen.add(folder);
  for (const name of await readdir(folder)) {
    if (name.startsWith('.') || seen.size + lines.length >= mostEntries) continue;
    const shown = join(folder, name);
    const path = await confinedPath(shown, [root], name).catch(() => undefined);
    const found = path === undefined ? undefined : await statOf(path);
    if (path === undefined || found === undefined || !counts(name, found.isDirectory())) continue;
    // Where a link leads counts even if that folder has been walked.
    if (path !== shown) lines.push(`\n${shown}>${path}`);
    // One that may not be read, or has just gone, holds nothing that could be served.
    if (found.isDirectory()) await describe(path, () => true, walk).catch(() => undefined);
    else lines.push(`\n${shown}:${found.size}:${found.mtimeMs}:${found.ino}`);
  }
}

/** undefined for what has just gone. */
async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
