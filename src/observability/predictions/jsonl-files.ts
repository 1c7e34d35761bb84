import { randomBytes } from 'node:crypto';
import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonlPlan } from './plan.ts';

/** `predictions-20261121T140501123Z-main-3f9a1c2d.jsonl`: when it was begun, by which thread, and what tells it apart. */
const fileName = /^predictions-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z-[a-z0-9-]+\.jsonl$/;

export function newFileName(epochMs: number, thread: string): string {
  const time = new Date(epochMs).toISOString().replaceAll(/[-:.]/g, '');
  return `predictions-${time}-${thread}-${randomBytes(4).toString('hex')}.jsonl`;
}

export interface JsonlFile {
  readonly path: string;
  /** No record in it is older. */
  readonly begunAt: number;
  readonly sizeBytes: number;
}

/** Files of records in a folder, oldest first; none where there is no such folder. */
export async function listFiles(directory: string): Promise<readonly JsonlFile[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const files: JsonlFile[] = [];
  for (const name of names.toSorted((a, b) => (a < b ? -1 : 1))) {
    const [, ...digits] = fileName.exec(name) ?? [];
    const [year = NaN, month = NaN, day = NaN, hour = NaN, minute = NaN, second = NaN, ms = NaN] =
      digits.map(Number);
    const path = join(directory, name);
    const found = digits.length === 0 ? undefined : await stat(path).catch(() => undefined);
    if (found === undefined) continue;
    const begunAt = Date.UTC(year, month - 1, day, hour, minute, second, ms);
    files.push({ path, begunAt, sizeBytes: found.size });
  }
  return files;
}

/** Removes files that are too old, and the oldest of those that are too much. @returns how many. */
export async function pruneFiles(
  { directory, retentionMs, maxTotalBytes }: JsonlPlan,
  epochMs: number,
): Promise<number> {
  const files = await listFiles(directory);
  let totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let removed = 0;
  for (const { path, begunAt, sizeBytes } of files) {
    if (begunAt + retentionMs > epochMs && totalBytes <= maxTotalBytes) continue;
    await unlink(path).catch((error: unknown) => {
      // Another server of the same folder was quicker.
      if (!isMissing(error)) throw error;
    });
    totalBytes -= sizeBytes;
    removed += 1;
  }
  return removed;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
