import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from './confined-path.ts';
import type { ModelSource } from './model-source.ts';

/** Small enough that hashing one piece does not hold up requests on the same thread. */
const pieceBytes = 256 * 1024;
const deepestFolder = 8;
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

/** Changes when anything in the model's place may have changed. Reads no contents, only sizes and times. */
export async function contentStamp(source: ModelSource): Promise<string> {
  const hash = createHash('sha256')
    .update(source.folder)
    .update('\n')
    .update(source.configText ?? '');
  const single = [...source.versions.values()].find(({ file }) => file !== undefined)?.file;
  // A file in a flat folder is a model of its own; what is beside it may be its data.
  const counts = (name: string, isFolder: boolean): boolean =>
    single === undefined || name === single || !(isFolder || name.endsWith('.onnx'));
  const lines: string[] = [];
  await describe(source.folder, counts, { lines, depth: 0 });
  for (const line of lines.sort()) hash.update(line);
  return hash.digest('hex');
}

interface Description {
  readonly lines: string[];
  readonly depth: number;
}

async function describe(
  folder: string,
  counts: (name: string, isFolder: boolean) => boolean,
  { lines, depth }: Description,
): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith('.') || lines.length >= mostEntries) continue;
    const path = join(folder, name);
    const found = await statOf(path);
    if (found === undefined || !counts(name, found.isDirectory())) continue;
    if (!found.isDirectory()) lines.push(`\n${path}:${found.size}:${found.mtimeMs}:${found.ino}`);
    else if (depth < deepestFolder) await describe(path, () => true, { lines, depth: depth + 1 });
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
