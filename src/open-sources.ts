import type { Options } from './config/options.ts';
import type { Logger } from './inference/logger.ts';
import type { ModelCatalog } from './inference/catalog.ts';
import type { RolloutAdmin } from './inference/rollout-admin.ts';
import { isRemoteRepository } from './inference/remote-repository.ts';
import type { SourceReport } from './sources/source-sync.ts';
import type { SignedModel } from './sources/verify-model.ts';
import type { Clock } from './util/clock.ts';

export interface SourceParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of the same server, asked once it has started. */
  readonly registry: () => { readonly catalog: ModelCatalog; foldersInUse(): ReadonlySet<string> };
  readonly rollouts: () => RolloutAdmin;
}

/** Where a server's models come from. */
export interface Sources extends Disposable {
  /** Paths of this machine. */
  readonly repositories: readonly string[];
  /** Brings what is remote up to date. @throws ServingError at start, when a source cannot be read and was never fetched. */
  readonly refresh: (why: 'start' | 'load' | 'poll') => Promise<void>;
  readonly reports: () => readonly SourceReport[];
  /** Undefined where models need not be signed. */
  readonly verify: ((model: SignedModel) => Promise<void>) | undefined;
}

/** Loads the code for remote sources where there are any. @throws ServingError SOURCE_CONFIGURATION */
export async function openSources({ models, sources }: Options, parts: SourceParts): Promise<Sources> {
  const { repositories } = models;
  const verify = await verifierOf(sources);
  if (!repositories.some((repository) => isRemoteRepository(repository))) {
    return {
      repositories,
      refresh: () => Promise.resolve(),
      reports: () => [],
      verify,
      [Symbol.dispose]() {},
    };
  }
  const [{ openModelSources }, { VersionChanges }] = await Promise.all([
    import('./sources/model-sources.ts'),
    import('./sources/version-changes.ts'),
  ]);
  const { clock, logger, registry, rollouts } = parts;
  const changes = new VersionChanges({
    rollout: sources.rollout,
    ready: (model, version) => registry().catalog.modelReady(model, version),
    rollouts,
    logger,
  });
  const opened = await openModelSources({
    clock,
    logger,
    inUse: () => registry().foldersInUse(),
    repositories,
    cacheFolder: sources.cacheFolder,
    limitBytes: sources.maxBytes,
    intervalMs: sources.pollSecs * 1000,
    redirectHosts: sources.redirectHosts,
    tokenFile: sources.tokenFile,
    tries: sources.rollout === undefined ? undefined : changes,
    approve: (change) => changes.approve(change),
  });
  return {
    repositories: opened.folders,
    async refresh(why) {
      await opened.refresh(why);
      changes.started();
    },
    reports: () => opened.reports(),
    verify,
    [Symbol.dispose]: () => opened[Symbol.dispose](),
  };
}

async function verifierOf({
  requireSigned,
  signingKeys: keyFiles,
  signingAuthorities: authorityFiles,
}: Options['sources']): Promise<Sources['verify']> {
  if (!requireSigned) return undefined;
  const [{ TrustedSigners }, { verifyModel }] = await Promise.all([
    import('./sources/trusted-signers.ts'),
    import('./sources/verify-model.ts'),
  ]);
  const signers = new TrustedSigners({ keyFiles, authorityFiles });
  return (model) => verifyModel(model, signers);
}
