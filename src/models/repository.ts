import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ServingError } from '../errors.ts';
import { printable } from '../util/printable.ts';
import { confinedPath, isModelName } from './confined-path.ts';
import { nameInConfig, readConfigText } from './config-file.ts';
import { fileModel, isFlat, isModelFolder, readFolder, versionsIn } from './model-folder.ts';
import type { ModelSource } from './model-source.ts';

/** What the repositories hold at one moment. */
export interface RepositoryListing {
  readonly models: ReadonlyMap<string, ModelSource>;
  /** Models that cannot be served, with the reason: a name that is there twice, links that lead out. */
  readonly refused: ReadonlyMap<string, string>;
  /** For people; names of folders that are no models or no versions. */
  readonly warnings: readonly string[];
}

/**
 * Lists the models of all repositories. A repository is a folder of model folders, a flat folder of .onnx files, a model's
 * own folder (KServe mounts one at /mnt/models), or one .onnx file.
 *
 * @param configName takes configs/<name>.pbtxt of models that have one.
 * @throws ServingError failed_precondition when a repository cannot be read. Its text has the path: for operators only.
 */
export async function listModels(
  repositories: readonly string[],
  configName: string | undefined,
): Promise<RepositoryListing> {
  const found = new Findings();
  const seen = new Set<string>();
  for (const repository of repositories) {
    const { path, names } = await openRepository(repository);
    if (seen.has(path)) continue;
    seen.add(path);
    if (names !== undefined)
      await listFolder({ shownPath: resolve(repository), root: path, names }, { found, configName });
    else
      await found.take(fileName(repository), () =>
        fileModel(dirname(path), basename(path), fileName(repository)),
      );
  }
  return found;
}

interface OpenedRepository {
  /** Real path. */
  readonly path: string;
  /** What lies in it, in alphabetical order; undefined when it is a file. */
  readonly names: readonly string[] | undefined;
}

async function openRepository(repository: string): Promise<OpenedRepository> {
  try {
    const path = await realpath(repository);
    const isFolder = (await stat(path)).isDirectory();
    return { path, names: isFolder ? (await readdir(path)).filter(counts).sort() : undefined };
  } catch (cause) {
    throw new ServingError('failed_precondition', `the model repository '${repository}' cannot be read`, {
      reason: 'MODEL_REPOSITORY',
      cause,
    });
  }
}

/** False for what is hidden and for what every ext4 volume has: only root may read that folder. */
function counts(name: string): boolean {
  return !name.startsWith('.') && name !== 'lost+found';
}

/** A model that was named on the command line keeps that name, wherever a link leads. */
function fileName(path: string): string {
  return basename(path).replace(/\.onnx$/, '');
}

interface Listing {
  readonly found: Findings;
  readonly configName: string | undefined;
}

interface RepositoryContent {
  readonly shownPath: string;
  readonly root: string;
  readonly names: readonly string[];
}

async function listFolder(
  { shownPath, root, names }: RepositoryContent,
  { found, configName }: Listing,
): Promise<void> {
  if (await isModelFolder(root, names)) {
    const text = await readConfigText({ root, folder: root, configName }).catch(() => undefined);
    const name = nameInConfig(text) ?? basename(shownPath);
    await found.take(name, () => readModel({ name, root, folder: root, configName }, found));
    return;
  }
  for (const name of names) {
    // A folder that cannot be read is refused below, alone; the others are served.
    const flat = name.endsWith('.onnx') && (await isFlat(root, name).catch(() => false));
    const model = flat ? fileName(name) : name;
    if (flat) {
      await found.take(model, async () => {
        const path = await confinedPath(join(root, name), [root], name);
        return path === undefined ? undefined : fileModel(root, name, model);
      });
      continue;
    }
    await found.take(model, async () => {
      const folder = await confinedPath(join(root, name), [root], name);
      if (folder === undefined || !(await stat(folder)).isDirectory()) return undefined;
      return readModel({ name, root, folder, configName }, found);
    });
  }
}

interface ModelPlace {
  readonly name: string;
  readonly root: string;
  readonly folder: string;
  readonly configName: string | undefined;
}

async function readModel(place: ModelPlace, found: Findings): Promise<ModelSource | undefined> {
  const { name, root, folder } = place;
  const configText = await readConfigText(place);
  const content = await readFolder(folder, root);
  for (const stranger of content.strangers) {
    found.warnings.push(`model '${name}': the folder '${printable(stranger)}' is no version and is ignored`);
  }
  const versions = versionsIn(content);
  if (configText === undefined && versions.size === 0) {
    found.warnings.push(`'${name}' is ignored: it has neither a version nor a configuration`);
    return undefined;
  }
  return { name, root, folder, configText, versions };
}

/** Collects models; a name that comes twice is nobody's. */
class Findings implements RepositoryListing {
  readonly models = new Map<string, ModelSource>();
  readonly refused = new Map<string, string>();
  readonly warnings: string[] = [];

  async take(name: string, read: () => Promise<ModelSource | undefined>): Promise<void> {
    if (!isModelName(name)) {
      this.warnings.push(
        `'${printable(name)}' is ignored: models are named by letters, digits and _ - . + @ = ~`,
      );
      return;
    }
    try {
      const model = await read();
      if (model === undefined) return;
      if (this.models.delete(name) || this.refused.has(name))
        this.refused.set(name, 'its name is there more than once');
      else this.models.set(name, model);
    } catch (error) {
      const failure = ServingError.from(error);
      this.models.delete(name);
      this.refused.set(name, failure.message);
    }
  }
}
