import { accessSync, constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { ServingError } from '../../errors.ts';
import type { Clock } from '../../util/clock.ts';
import { makeFolder } from '../../util/make-folder.ts';
import { newFileName, pruneFiles } from './jsonl-files.ts';
import type { JsonlPlan } from './plan.ts';
import type { PredictionSink, WrittenRecord } from './sink.ts';

export interface JsonlSinkOptions {
  readonly plan: JsonlPlan;
  readonly clock: Pick<Clock, 'epochMs'>;
  /** Whose files they are: threads do not share them. */
  readonly thread: string;
}

/**
 * Files of one record a line, which nobody but their owner may read. A file is opened anew for each write, by its name: what
 * took its place meanwhile, such as the same without some records, is what is written to.
 *
 * @throws ServingError failed_precondition when the folder cannot be written to.
 */
export function openJsonlSink({ plan, clock, thread }: JsonlSinkOptions): PredictionSink {
  checkFolder(plan.directory);
  let path = '';
  let begunAt = 0;
  const prune = async (): Promise<void> => {
    await pruneFiles(plan, clock.epochMs());
  };
  return {
    name: 'jsonl',
    async write(records) {
      const now = clock.epochMs();
      if (path === '' || now - begunAt >= plan.rotateMs) {
        // Records have waited a while: none of them may be older than the file says.
        begunAt = Math.min(now, oldest(records));
        path = join(plan.directory, newFileName(begunAt, thread));
        makeFolder(plan.directory, folderMode);
      }
      const begun = path;
      // After a failure another file is begun: somebody may have taken the folder away.
      path = '';
      const sizeBytes = await append(begun, records.map(({ line }) => `${line}\n`).join(''));
      if (sizeBytes < plan.rotateBytes) path = begun;
      else await prune();
    },
    prune,
    close: () => Promise.resolve(),
  };
}

function oldest(records: readonly WrittenRecord[]): number {
  const [first] = records;
  return first === undefined ? Infinity : Date.parse(first.record.time);
}

/** Nobody but its owner may look into it. */
const folderMode = 0o700;

function checkFolder(directory: string): void {
  try {
    makeFolder(directory, folderMode);
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const problem = `the folder of the prediction log, ${directory}, cannot be written to`;
    throw new ServingError('failed_precondition', problem, { cause });
  }
}

/** Whole, or not at all. @returns the file's size afterwards. */
async function append(path: string, text: string): Promise<number> {
  await using file = await open(path, 'a', 0o600);
  const { size } = await file.stat();
  try {
    await file.writeFile(text);
  } catch (error) {
    await file.truncate(size);
    throw error;
  }
  return size + Buffer.byteLength(text);
}
