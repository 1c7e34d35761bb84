import { randomBytes } from 'node:crypto';
import {
  lstat,
  mkdir,
  readdir,
  readlink,
  rename,
  rm,
  stat,
  statfs,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../util/make-folder.ts';
import { fetchFile, type FetchTools } from './fetch-file.ts';
import { sourceRefused } from './refusals.ts';
import { fileId, type Unit, type UnitFile } from './units.ts';

/** At a time: enough to fill a line, and few enough for any source. */
const parallelFetches = 4;

/** What a fetch that was interrupted left behind is of no use after this time. */
const leftoverMs = 24 * 3600 * 1000;

/**
 * What was fetched from one source: a model repository, with hidden folders for what is not shown yet.
 *
 *     .files/<id>   fetched and checked, until the unit that it belongs to is complete
 *     .trees/<id>   units, complete and never changed: each appears by being renamed
 *     iris          a link to its tree; replaced as a whole
 *
 * Every name in it is made here or has passed `relativeParts`, and nothing that a source sends becomes a link.
 */
export class SourceFolder {
  readonly path: string;

  /** @param path is made unless it is there; only this user may read it. */
  constructor(path: string) {
    this.path = path;
    for (const folder of ['.files', '.trees']) makeFolder(join(path, folder), 0o700);
  }

  /** What `show` kept; '' when nothing was ever shown. */
  memo(): string | undefined {
    try {
      return readFileSync(join(this.path, '.memo'), 'utf8');
    } catch {
      return undefined;
    }
  }

  /** @throws ServingError SOURCE_REFUSED when there is more than `limitBytes`, or no room; whatever a fetch fails with. */
  async fetch(units: readonly Unit[], tools: FetchTools): Promise<void> {
    const wanted = await this.#missing(units);
    const files = wanted.flatMap((unit) => unit.files);
    let claimed = 0;
    for (const { file } of units.flatMap((unit) => unit.files)) claimed += file.sizeBytes ?? 0;
    if (claimed > tools.limitBytes) {
      throw sourceRefused(`it holds ${claimed} bytes; --source-max-bytes allows ${tools.limitBytes}`);
    }
    await this.#checkRoom(files);
    await this.#fetchAll(files, { ...tools, limitBytes: tools.limitBytes - claimed }, tools.limitBytes);
    for (const unit of wanted) await this.#build(unit);
  }

  async #missing(units: readonly Unit[]): Promise<readonly Unit[]> {
    const there = new Set(await readdir(join(this.path, '.trees')));
    return units.filter(({ id }) => !there.has(id));
  }

  async #checkRoom(files: readonly UnitFile[]): Promise<void> {
    let bytes = 0;
    for (const { file } of files) bytes += file.sizeBytes ?? 0;
    const { bavail, bsize } = await statfs(this.path);
    if (bytes > bavail * bsize) {
      throw sourceRefused(
        `${bytes} bytes are to be fetched, and the disk of --source-cache has ${bavail * bsize}`,
      );
    }
  }

  /** The first failure ends all others. */
  async #fetchAll(
    files: readonly UnitFile[],
    { limitBytes, ...tools }: FetchTools,
    ofAll: number,
  ): Promise<void> {
    const stop = new AbortController();
    const signal = AbortSignal.any([tools.signal, stop.signal]);
    const queue = [...files];
    let left = limitBytes;
    // Of files whose size is not known before they come.
    const spend = (bytes: number): void => {
      left -= bytes;
      if (left < 0) throw sourceRefused(`it holds more than the ${ofAll} bytes of --source-max-bytes`);
    };
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const isKnown = next.file.sizeBytes !== undefined;
        const onBytes = (bytes: number): void => {
          tools.onBytes(bytes);
          if (!isKnown) spend(bytes);
        };
        await this.#fetchOne(next, { ...tools, onBytes, signal, limitBytes: isKnown ? ofAll : limitBytes });
      }
    };
    const workers = Array.from({ length: parallelFetches }, () =>
      work().catch((error: unknown) => {
        stop.abort(error);
        throw error;
      }),
    );
    const results = await Promise.allSettled(workers);
    if (stop.signal.aborted) throw stop.signal.reason;
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** What an earlier, interrupted fetch has brought is not fetched again. */
  async #fetchOne({ file }: UnitFile, tools: FetchTools): Promise<void> {
    const target = join(this.path, '.files', fileId(file));
    if ((await sizeOf(target)) !== undefined) return;
    const part = `${target}.${randomBytes(6).toString('hex')}.part`;
    try {
      await fetchFile(file, part, tools);
      await rename(part, target);
    } finally {
      await rm(part, { force: true });
    }
  }

  async #build({ files, versions, id }: Unit): Promise<void> {
    const building = join(this.path, '.files', `tree-${randomBytes(6).toString('hex')}`);
    await mkdir(building);
    for (const [number, tree] of versions) await symlink(join('..', tree), join(building, number));
    for (const { parts, file } of files) {
      await mkdir(join(building, ...parts.slice(0, -1)), { recursive: true });
      await rename(join(this.path, '.files', fileId(file)), join(building, ...parts));
    }
    await rename(building, join(this.path, '.trees', id)).catch(async (error: unknown) => {
      await rm(building, { recursive: true, force: true });
      // Another server with this cache was faster.
      if ((await sizeOf(join(this.path, '.trees', id))) === undefined) throw error;
    });
  }

  /** Makes these units the repository: whoever lists it next sees them, and no others. All of them are fetched. */
  async show(units: readonly Unit[], memo: string): Promise<void> {
    const links = linksOf(units);
    for (const [name, target] of links) await this.#link(name, target);
    for (const entry of await readdir(this.path, { withFileTypes: true })) {
      if (entry.isSymbolicLink() && !links.has(entry.name)) await rm(join(this.path, entry.name));
    }
    const kept = join(this.path, `.memo-${randomBytes(6).toString('hex')}`);
    await writeFile(kept, memo, { mode: 0o600 });
    await rename(kept, join(this.path, '.memo'));
  }

  async #link(name: string, target: string): Promise<void> {
    const shown = join(this.path, name);
    const found = await lstat(shown).catch(() => undefined);
    if (found?.isSymbolicLink() === true && (await readlink(shown)) === target) return;
    const made = join(this.path, '.files', `link-${randomBytes(6).toString('hex')}`);
    // Relative to where it will lie.
    await symlink(target, made);
    await rename(made, shown);
  }

  /** Removes trees that nobody is shown, and what was given up. @param inUse real paths of folders that are still read. */
  async removeOld(units: readonly Unit[], inUse: ReadonlySet<string>): Promise<void> {
    const shown = new Set(units.map(({ id }) => id));
    const used = [...inUse];
    for (const tree of await readdir(join(this.path, '.trees'))) {
      const path = join(this.path, '.trees', tree);
      const isUsed = used.some((folder) => folder === path || folder.startsWith(`${path}/`));
      if (!shown.has(tree) && !isUsed) await rm(path, { recursive: true, force: true });
    }
    for (const name of await readdir(join(this.path, '.files'))) {
      const path = join(this.path, '.files', name);
      const found = await lstat(path).catch(() => undefined);
      if (found !== undefined && Date.now() - found.mtimeMs > leftoverMs)
        await rm(path, { recursive: true, force: true });
    }
  }
}

/** Name in the repository to where it leads. */
export function linksOf(units: readonly Unit[]): ReadonlyMap<string, string> {
  const links = new Map<string, string>();
  for (const { place, id, files } of units) {
    if (place.includes('/')) continue;
    if (place !== '') links.set(place, join('.trees', id));
    else {
      for (const { parts } of files) {
        const [name = ''] = parts;
        if (name.endsWith('.onnx')) links.set(name, join('.trees', id, name));
      }
    }
  }
  return links;
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}
