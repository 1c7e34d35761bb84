import { lstat, mkdir, readdir, readlink, realpath, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Logger } from '../inference/logger.ts';
import { openModelSources, type ModelSourcesOptions } from './model-sources.ts';

export interface PullOptions extends Pick<
  ModelSourcesOptions,
  'limitBytes' | 'redirectHosts' | 'tokenFile' | 'clock'
> {
  readonly uri: string;
  /** Made unless it is there. */
  readonly folder: string;
  readonly logger: Logger;
}

const working = '.tensorgate-pull';

/**
 * Fetches models into a folder, as plain files and folders. Models of the same names are replaced, each by a rename; others stay.
 * What an interrupted pull has fetched is used by the next one.
 *
 * @returns names of the models.
 * @throws ServingError as a source does; the folder is as it was then, but for what was fetched already.
 */
export async function pullModels({ uri, folder, ...tools }: PullOptions): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true });
  const cacheFolder = join(folder, working);
  using sources = await openModelSources({
    ...tools,
    repositories: [uri],
    cacheFolder,
    intervalMs: 0,
    tries: undefined,
    inUse: () => new Set(),
    approve: () => Promise.resolve(true),
  });
  await sources.refreshStrictly();
  const [fetched = ''] = sources.folders;
  const names: string[] = [];
  for (const name of await readdir(fetched)) {
    if (name.startsWith('.')) continue;
    const tree = await realpath(join(fetched, name));
    if ((await lstat(tree)).isDirectory()) names.push(name);
    else if (name.endsWith('.onnx')) names.push(basename(name, '.onnx'));
    await place(tree, { folder, cacheFolder, name });
  }
  await rm(cacheFolder, { recursive: true, force: true });
  return names.sort();
}

interface Target {
  readonly folder: string;
  readonly cacheFolder: string;
  readonly name: string;
}

async function place(tree: string, { folder, cacheFolder, name }: Target): Promise<void> {
  if ((await lstat(tree)).isDirectory()) await inlineVersions(tree);
  const target = join(folder, name);
  const old = join(cacheFolder, `old-${name}`);
  await rm(old, { recursive: true, force: true });
  if ((await lstat(target).catch(() => undefined)) !== undefined) await rename(target, old);
  await rename(tree, target);
}

/** Puts the versions' own trees in the place of the links to them. */
async function inlineVersions(tree: string): Promise<void> {
  for (const entry of await readdir(tree, { withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue;
    const link = join(tree, entry.name);
    const version = join(tree, await readlink(link));
    await rm(link);
    await rename(version, link);
  }
}
