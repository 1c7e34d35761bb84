import type { Options } from './config/options.ts';
import type { Logger } from './inference/logger.ts';
import { isRemoteRepository } from './inference/remote-repository.ts';
import type { SourceReport } from './sources/source-sync.ts';
import type { Clock } from './util/clock.ts';

export interface SourceParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Real paths of folders that are still read. */
  readonly inUse: () => ReadonlySet<string>;
}

/** Where a server's models come from. */
export interface Sources extends Disposable {
  /** Paths of this machine. */
  readonly repositories: readonly string[];
  /** Brings what is remote up to date. @throws ServingError at start, when a source cannot be read and was never fetched. */
  readonly refresh: (why: 'start' | 'load' | 'poll') => Promise<void>;
  readonly reports: () => readonly SourceReport[];
}

/** Loads the code for remote sources where there are any. @throws ServingError SOURCE_CONFIGURATION */
export async function openSources({ models, sources }: Options, parts: SourceParts): Promise<Sources> {
  const { repositories } = models;
  if (!repositories.some((repository) => isRemoteRepository(repository))) {
    return {
      repositories,
      refresh: () => Promise.resolve(),
      reports: () => [],
      [Symbol.dispose]() {},
    };
  }
  const { openModelSources } = await import('./sources/model-sources.ts');
  const opened = await openModelSources({
    ...parts,
    repositories,
    cacheFolder: sources.cacheFolder,
    limitBytes: sources.maxBytes,
    intervalMs: sources.pollSecs * 1000,
    redirectHosts: sources.redirectHosts,
    tokenFile: sources.tokenFile,
    approve: () => Promise.resolve(true),
  });
  return {
    repositories: opened.folders,
    refresh: (why) => opened.refresh(why),
    reports: () => opened.reports(),
    [Symbol.dispose]: () => opened[Symbol.dispose](),
  };
}
