import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../inference/logger.ts';
import { isRemoteRepository } from '../inference/remote-repository.ts';
import type { Clock } from '../util/clock.ts';
import { makeFolder } from '../util/make-folder.ts';
import { openOrigin, type OriginTools } from './open-origin.ts';
import type { VersionChange } from './origin.ts';
import { sourceMisconfigured } from './refusals.ts';
import { SourceFolder } from './source-folder.ts';
import { SourceSync, type SourceReport } from './source-sync.ts';
import { parseSourceUri } from './source-uri.ts';

export interface ModelSourcesOptions extends OriginTools {
  /** Paths and URIs. */
  readonly repositories: readonly string[];
  /** undefined: in the user's cache. */
  readonly cacheFolder: string | undefined;
  /** Of all files of one source. */
  readonly limitBytes: number;
  readonly intervalMs: number;
  readonly logger: Logger;
  readonly inUse: () => ReadonlySet<string>;
  readonly approve: (change: VersionChange) => Promise<boolean>;
}

/** Far longer than a listing takes, and shorter than platforms give a container to start. */
const startLimitMs = 30_000;

/** Remote sources of one server, as folders of this machine. */
export class ModelSources implements Disposable {
  /** In the order of the repositories, each remote one as the folder that it is fetched into. */
  readonly folders: readonly string[];
  readonly #syncs: readonly SourceSync[];
  readonly #clock: Clock;

  constructor(folders: readonly string[], syncs: readonly SourceSync[], clock: Clock) {
    this.folders = folders;
    this.#syncs = syncs;
    this.#clock = clock;
  }

  /**
   * start: all sources are read; one that cannot be, is served as it was fetched last.
   * load: likewise, before a model is loaded by name; one that has just failed is not asked again.
   * poll: those that are due are looked at, and nobody waits for them.
   *
   * @throws ServingError at start alone, when a source cannot be read and was never fetched.
   */
  async refresh(why: 'start' | 'load' | 'poll'): Promise<void> {
    if (why === 'start') await Promise.all(this.#syncs.map((sync) => this.#begin(sync)));
    else {
      const looks = this.#syncs.map((sync) => sync.look(why === 'poll' ? 'due' : 'healthy'));
      const settled = Promise.allSettled(looks);
      if (why === 'load') await settled;
    }
  }

  /** @throws ServingError when any source cannot be read: what was fetched last will not do. */
  async refreshStrictly(): Promise<void> {
    await Promise.all(this.#syncs.map((sync) => sync.look('now')));
  }

  /** A server that has models need not wait for a store that says nothing. */
  async #begin(sync: SourceSync): Promise<void> {
    const looking = sync.look('now');
    if (!sync.hasModels) return looking;
    const enough = Promise.withResolvers<void>();
    using _timer = this.#clock.after(startLimitMs, enough.resolve);
    await Promise.race([looking.catch(() => undefined), enough.promise]);
  }

  reports(): readonly SourceReport[] {
    return this.#syncs.map((sync) => sync.report());
  }

  [Symbol.dispose](): void {
    for (const sync of this.#syncs) sync[Symbol.dispose]();
  }
}

/** @throws ServingError SOURCE_CONFIGURATION for a place that is none, a missing package, and a cache that cannot be written. */
export async function openModelSources(options: ModelSourcesOptions): Promise<ModelSources> {
  const { repositories, cacheFolder = usualCache(), limitBytes, intervalMs } = options;
  const { clock, logger, inUse, approve } = options;
  const folders: string[] = [];
  const syncs: SourceSync[] = [];
  try {
    for (const repository of repositories) {
      if (!isRemoteRepository(repository)) {
        folders.push(repository);
        continue;
      }
      const uri = parseSourceUri(repository);
      const path = join(cacheFolder, uri.key);
      if (folders.includes(path)) continue;
      const folder = openFolder(path);
      const origin = await openOrigin(uri.place, options);
      const sync = { uri, origin, folder, limitBytes, intervalMs, clock, logger, inUse, approve };
      syncs.push(new SourceSync(sync));
      folders.push(path);
    }
  } catch (error) {
    for (const sync of syncs) sync[Symbol.dispose]();
    throw error;
  }
  return new ModelSources(folders, syncs, clock);
}

function usualCache(): string {
  const caches = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return join(caches, 'tensorgate', 'sources');
}

function openFolder(path: string): SourceFolder {
  try {
    makeFolder(path, 0o700);
    return new SourceFolder(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw sourceMisconfigured(`the folder of --source-cache cannot be written${code}; name another one`);
  }
}
