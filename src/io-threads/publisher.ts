import type { TrafficSplits } from '../inference/traffic-split.ts';
import type { ModelRegistry } from '../models/registry.ts';
import type { Publication } from './messages.ts';
import { publicationOf } from './publication.ts';
import type { SpreadModels } from './spread-models.ts';
import type { ThreadLink } from './thread-link.ts';

/** Tells the I/O threads of each change of models, so that all of them route by what the registry has. */
export class Publisher {
  readonly #models: SpreadModels;
  readonly #links: () => readonly ThreadLink[];
  #registry: ModelRegistry | undefined = undefined;
  #splits: TrafficSplits = new Map();
  #dirty = false;

  /** @param links the threads that are there; those that do not serve yet are told by `tell` alone. */
  constructor(models: SpreadModels, links: () => readonly ThreadLink[]) {
    this.#models = models;
    this.#links = links;
  }

  follow(registry: ModelRegistry): void {
    this.#registry = registry;
    registry.catalog.onChange(() => this.publishSoon());
  }

  /** Resolves when all threads divide traffic by them. */
  split(splits: TrafficSplits): Promise<void> {
    this.#splits = splits;
    this.#dirty = true;
    return this.settled();
  }

  /** Resolves when all threads route by the models as they are now. */
  async settled(): Promise<void> {
    this.publish();
    await Promise.all(this.#links().map((link) => link.settled));
  }

  /** Changes come in bursts; one publication carries all of a turn. */
  publishSoon(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    queueMicrotask(() => this.publish());
  }

  /** What has changed, at once. */
  publish(): void {
    if (!this.#dirty) return;
    this.#dirty = false;
    const publication = this.#publication();
    for (const link of this.#links()) if (link.serving) link.publish(publication);
  }

  /** All of it to one thread. */
  tell(link: ThreadLink): void {
    link.publish(this.#publication());
  }

  #publication(): Publication {
    if (this.#registry === undefined) throw new Error('bug: there are no models to publish yet');
    const { catalog, models, starting } = this.#registry;
    return publicationOf({
      ready: catalog.ready(),
      starting,
      models,
      splits: this.#splits,
      spreadOf: (target) => this.#models.of(target),
      memoriesOf: (target) => this.#models.memoriesOf(target),
    });
  }
}
