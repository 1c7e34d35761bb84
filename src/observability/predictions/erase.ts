import { randomBytes } from 'node:crypto';
import { open, rename, unlink, type FileHandle } from 'node:fs/promises';
import type { RedisClient } from '../../redis/load-redis.ts';
import type { JsonlPlan, RedisPlan } from './plan.ts';
import { listFiles } from './jsonl-files.ts';
import { recordField } from './redis-sink.ts';

/** Pseudonyms whose records go. */
export type Subjects = ReadonlySet<string>;

export interface Erased {
  /** Records that are gone. */
  readonly records: number;
  /** Lines or entries that were looked at. */
  readonly seen: number;
}

/** Entries that are asked for at once. */
const entriesPerRound = 1000;

/**
 * Removes the records of subjects from all files of a folder. Servers may go on writing to it: a file is replaced by one
 * without those records, and what was written to it meanwhile is taken over.
 *
 * @param settled resolves when writes that had begun before the file was replaced have ended.
 */
export async function eraseFromFiles(
  { directory }: Pick<JsonlPlan, 'directory'>,
  subjects: Subjects,
  settled: () => Promise<void>,
): Promise<Erased> {
  let records = 0;
  let seen = 0;
  for (const { path } of await listFiles(directory)) {
    const erased = await eraseFromFile(path, subjects, settled);
    records += erased.records;
    seen += erased.seen;
  }
  return { records, seen };
}

async function eraseFromFile(
  path: string,
  subjects: Subjects,
  settled: () => Promise<void>,
): Promise<Erased> {
  const counts = { records: 0, seen: 0 };
  await using old = await open(path, 'r');
  const { text, end } = await readFrom(old, 0);
  const kept = withoutSubjects(text, subjects, counts);
  if (counts.records === 0) return counts;
  // Not a name of a file of records, so that nobody takes it for one if this process ends here.
  const temporary = `${path}.${randomBytes(4).toString('hex')}.erasing`;
  try {
    await using replacement = await open(temporary, 'wx', 0o600);
    await replacement.writeFile(kept);
    await replacement.sync();
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await settled();
  const late = await readFrom(old, end);
  if (late.text !== '') {
    await using replaced = await open(path, 'a', 0o600);
    await replaced.writeFile(withoutSubjects(late.text, subjects, counts));
  }
  return counts;
}

/** What is there from an offset on, up to the last whole line. Files are rotated before they are large. */
async function readFrom(
  file: FileHandle,
  from: number,
): Promise<{ readonly text: string; readonly end: number }> {
  const { size } = await file.stat();
  const buffer = Buffer.alloc(Math.max(0, size - from));
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, from + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  const whole = buffer.subarray(0, filled).lastIndexOf(0x0a) + 1;
  return { text: buffer.toString('utf8', 0, whole), end: from + whole };
}

function withoutSubjects(
  text: string,
  subjects: Subjects,
  counts: { records: number; seen: number },
): string {
  const kept: string[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    counts.seen += 1;
    if (isAbout(line, subjects)) counts.records += 1;
    else kept.push(`${line}\n`);
  }
  return kept.join('');
}

/** A line that is no record is left as it is. */
function isAbout(line: string, subjects: Subjects): boolean {
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record !== 'object' || record === null || !('subject' in record)) return false;
    return typeof record.subject === 'string' && subjects.has(record.subject);
  } catch {
    return false;
  }
}

/** Removes the records of subjects from a Redis Stream, in rounds that do not hold Redis up. */
export async function eraseFromStream(
  client: RedisClient,
  { stream }: Pick<RedisPlan, 'stream'>,
  subjects: Subjects,
): Promise<Erased> {
  let records = 0;
  let seen = 0;
  let from = '-';
  for (;;) {
    const entries = await client.xrange(stream, from, '+', 'COUNT', entriesPerRound);
    const [lastId] = entries.at(-1) ?? [];
    if (lastId === undefined) return { records, seen };
    seen += entries.length;
    const found = entries.filter(([, fields]) => isAbout(recordIn(fields), subjects)).map(([id]) => id);
    if (found.length > 0) records += await client.xdel(stream, ...found);
    from = `(${lastId}`;
  }
}

function recordIn(fields: readonly string[]): string {
  const at = fields.indexOf(recordField);
  return fields[at + 1] ?? '';
}
