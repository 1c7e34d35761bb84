import type { Logger } from '../inference/logger.ts';
import { contentStamp } from './content-digest.ts';
import type { ModelSource } from './model-source.ts';
import { listModels, type RepositoryListing } from './repository.ts';

/** The repositories as they were last read, and the contents of models when they were last loaded from them. */
export class WatchedRepositories {
  readonly #folders: readonly string[];
  readonly #configName: string | undefined;
  readonly #logger: Logger;
  readonly #stamps = new Map<string, string>();
  readonly #listed = new Set<string>();
  #warned: ReadonlySet<string> = new Set();

  /** @param configName takes configs/<name>.pbtxt of a model that has one. */
  constructor(folders: readonly string[], configName: string | undefined, logger: Logger) {
    this.#folders = folders;
    this.#configName = configName;
    this.#logger = logger;
  }

  /** It was in a repository, and has not been forgotten. */
  has(model: string): boolean {
    return this.#listed.has(model);
  }

  /** Warns of what it finds once. @throws when a repository cannot be read. */
  async list(): Promise<RepositoryListing> {
    const listing = await listModels(this.#folders, this.#configName);
    for (const warning of listing.warnings) {
      if (!this.#warned.has(warning)) this.#logger.warn({}, warning);
    }
    this.#warned = new Set(listing.warnings);
    for (const name of namesIn(listing)) this.#listed.add(name);
    return listing;
  }

  /** Before the load: what changes during it is seen as a change afterwards. */
  async remember(source: ModelSource): Promise<void> {
    const stamp = await stampOf(source);
    if (stamp !== undefined) this.#stamps.set(source.name, stamp);
  }

  /** Since {@link remember}. */
  async isChanged(source: ModelSource): Promise<boolean> {
    const now = await stampOf(source);
    return now !== undefined && now !== this.#stamps.get(source.name);
  }

  /** Names that an earlier listing had and this one has not. */
  missingFrom(listing: RepositoryListing): string[] {
    const present = new Set(namesIn(listing));
    return Array.from(this.#listed).filter((name) => !present.has(name));
  }

  forgetContent(model: string): void {
    this.#stamps.delete(model);
  }

  forget(model: string): void {
    this.#listed.delete(model);
    this.#stamps.delete(model);
  }
}

/** Also of models that cannot be loaded as they are. */
export function namesIn({ models, refused }: RepositoryListing): string[] {
  return [...models.keys(), ...refused.keys()];
}

/** undefined when the model's folder cannot be read just now: the next look tells more. */
function stampOf(source: ModelSource): Promise<string | undefined> {
  return contentStamp(source).catch(() => undefined);
}
