import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ServingError } from '../errors.ts';
import { printable } from '../util/printable.ts';
import { isModelName, pathSegments } from './confined-path.ts';
import type { ModelSource, VersionSource } from './model-source.ts';
import { compareVersions, isVersion } from './version-policy.ts';

const mostFiles = 1000;

/**
 * Writes the files of a load request to a private folder that only this process may look into, laid out as a model's.
 *
 * @param files relative path (`1/model.onnx`) to content.
 * @param parent where the private folder is made.
 * @returns a source that removes its folder when disposed.
 * @throws ServingError invalid_argument; nothing is left behind then.
 */
export async function writeOverride(
  name: string,
  files: ReadonlyMap<string, Uint8Array>,
  parent = tmpdir(),
): Promise<ModelSource & AsyncDisposable> {
  const paths = Array.from(files.keys(), (path) => ({ path, segments: pathSegments(path) }));
  if (!isModelName(name)) throw refused(`'${printable(name)}' cannot be the name of a model`);
  if (paths.length > mostFiles)
    throw refused(`a load may bring ${mostFiles} files, this one brings ${paths.length}`);
  const versions = versionsIn(paths.map(({ segments }) => segments));
  // mkdtemp makes folders with mode 0700.
  const folder = await realpath(await mkdtemp(join(parent, 'tensorgate-')));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    for (const { path, segments } of paths) await write(join(folder, ...segments), files.get(path));
  } catch (cause) {
    await remove();
    throw new ServingError('failed_precondition', 'the files of the load could not be kept', {
      reason: 'MODEL_LOAD_FAILED',
      cause,
    });
  }
  const places = versions.map((version): [string, VersionSource] => [
    version,
    { version, folder: join(folder, version), file: undefined },
  ]);
  return {
    name,
    root: folder,
    folder,
    configText: undefined,
    versions: new Map(places),
    fromRequest: true,
    [Symbol.asyncDispose]: remove,
  };
}

function versionsIn(paths: readonly (readonly string[])[]): readonly string[] {
  const folders = paths.flatMap(([first = '', ...rest]) => (rest.length > 0 ? [first] : []));
  return [...new Set(folders.filter((folder) => isVersion(folder)))].sort(compareVersions);
}

async function write(path: string, content: Uint8Array = new Uint8Array()): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, content, { flag: 'wx', mode: 0o600 });
}

function refused(message: string): ServingError {
  return new ServingError('invalid_argument', message, { reason: 'MODEL_LOAD_FAILED' });
}
