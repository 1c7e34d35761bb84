import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { confinedPath } from './confined-path.ts';
import type { ModelSource, VersionSource } from './model-source.ts';
import { compareVersions, isVersion } from './version-policy.ts';

/** Folders of a model that are no versions and are known. */
const knownFolders: ReadonlySet<string> = new Set(['configs', 'warmup', 'initial_state', 'lost+found']);

/** What the folder of one model holds. */
export interface FolderContent {
  readonly folder: string;
  /** Version to real path of its folder. */
  readonly versions: ReadonlyMap<string, string>;
  /** Folders that are neither versions nor known. */
  readonly strangers: readonly string[];
  /** A model.onnx lies beside the version folders, or instead of them. */
  readonly holdsModel: boolean;
}

/** @throws ServingError invalid_argument when a version leads out of the repository. */
export async function readFolder(folder: string, root: string): Promise<FolderContent> {
  const versions = new Map<string, string>();
  const strangers: string[] = [];
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.'));
  for (const name of names) {
    if (!(await isFolder(join(folder, name)))) continue;
    if (!isVersion(name)) {
      if (!knownFolders.has(name) && name !== 'model.onnx') strangers.push(name);
      continue;
    }
    const path = await confinedPath(join(folder, name), [root], name);
    if (path !== undefined) versions.set(name, path);
  }
  return { folder, versions, strangers, holdsModel: names.includes('model.onnx') };
}

/** False for what is gone, or a link to nothing. */
async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ?? false;
}

/** The versions in ascending order. A model.onnx that lies in no version folder is version 1 of a model without any. */
export function versionsIn({
  folder,
  versions,
  holdsModel,
}: FolderContent): ReadonlyMap<string, VersionSource> {
  if (versions.size === 0 && holdsModel) {
    return new Map([['1', { version: '1', folder, file: undefined }]]);
  }
  const sorted = [...versions].sort(([a], [b]) => compareVersions(a, b));
  return new Map(sorted.map(([version, path]) => [version, { version, folder: path, file: undefined }]));
}

/**
 * A repository's own folder is a model when it holds a configuration, a model.onnx and no other .onnx file, or a version
 * folder with a .onnx file right inside: a model that is named by a number has version folders there.
 */
export async function isModelFolder(folder: string, names: readonly string[]): Promise<boolean> {
  if (names.includes('config.pbtxt')) return true;
  const models = names.filter((name) => name.endsWith('.onnx'));
  if (models.length === 1 && models[0] === 'model.onnx') return true;
  for (const name of names.filter((entry) => isVersion(entry))) {
    const inside = await readdir(join(folder, name)).catch((): string[] => []);
    if (inside.some((entry) => entry.endsWith('.onnx'))) return true;
  }
  return false;
}

/** True for a .onnx file, or for a folder of that name with a model.onnx and its external data. */
export async function isFlat(root: string, name: string): Promise<boolean> {
  const found = await stat(join(root, name)).catch(() => undefined);
  if (found?.isDirectory() !== true) return found !== undefined;
  return (await readdir(join(root, name))).includes('model.onnx');
}

/** A .onnx file, or folder, as a model of one version. `folder` is a real path. */
export async function fileModel(folder: string, file: string, name: string): Promise<ModelSource> {
  return {
    name,
    root: folder,
    folder,
    configText: undefined,
    versions: new Map([['1', { version: '1', folder, file }]]),
  };
}
