import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ServingError } from '../errors.ts';
import type { ModelPlace } from '../inference/catalog.ts';
import { printable } from '../util/printable.ts';
import { confinedPath, isModelName } from './confined-path.ts';
import type { ModelSource } from './model-source.ts';
import { listModels } from './repository.ts';

/** Weights are read and then packed anew for the processor, so that a model takes up to twice its files for a while. */
const memoryPerByte = 2;

const mostEntries = 10_000;

/**
 * The one model in a place that a platform names, under a name of the platform's.
 *
 * @param availableBytes of memory, for this process.
 * @throws ServingError not_found when there is nothing, invalid_argument when it lies elsewhere or is not one model,
 * resource_exhausted when there is no memory for it.
 */
export async function modelAtPlace(
  name: string,
  { path, root }: ModelPlace,
  availableBytes = process.availableMemory(),
): Promise<ModelSource> {
  if (!isModelName(name)) throw refused(`'${printable(name)}' cannot be the name of a model`);
  const folders = await realpath(root).then(
    (real) => [real],
    () => [],
  );
  const place = await confinedPath(path, folders, 'url');
  if (place === undefined) {
    throw new ServingError('not_found', 'there is nothing at the url', { reason: 'MODEL_NOT_FOUND' });
  }
  const sizeBytes = await bytesBelow(place);
  if (sizeBytes * memoryPerByte > availableBytes) {
    throw new ServingError('resource_exhausted', 'not enough memory for the model', {
      reason: 'MODEL_MEMORY',
    });
  }
  const { models, refused: problems } = await listModels([place], undefined);
  const [problem] = problems.values();
  if (problem !== undefined) throw refused(problem);
  const [model, more] = models.values();
  if (model === undefined || more !== undefined) {
    throw refused(`there are ${models.size} models at the url, and one is needed`);
  }
  return { ...model, name, renamed: true };
}

/** Of all files, as far as they lie below the folder. */
async function bytesBelow(folder: string): Promise<number> {
  if (!(await stat(folder)).isDirectory()) return (await stat(folder)).size;
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  if (entries.length > mostEntries) throw refused(`there are more than ${mostEntries} files at the url`);
  let sizeBytes = 0;
  for (const entry of entries) {
    if (entry.isFile()) sizeBytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return sizeBytes;
}

function refused(problem: string): ServingError {
  return new ServingError('invalid_argument', problem, { reason: 'MODEL_LOAD_FAILED' });
}
