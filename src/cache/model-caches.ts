import type { CachingPlan } from '../inference/caching.ts';
import type { Target } from '../inference/target.ts';
import { ModelCache } from './model-cache.ts';

/** The cached models of one thread, from their first request on. */
export class ModelCaches {
  readonly #models = new Map<Target, ModelCache>();

  of(target: Target, plan: CachingPlan): ModelCache {
    let model = this.#models.get(target);
    if (model === undefined) {
      model = new ModelCache(target, plan);
      this.#models.set(target, model);
    }
    return model;
  }

  get(target: Target): ModelCache | undefined {
    return this.#models.get(target);
  }

  targets(): Iterable<Target> {
    return this.#models.keys();
  }

  /** All of a name; of every name for ''. */
  *named(name: string): Iterable<ModelCache> {
    for (const model of this.#models.values()) if (name === '' || model.name === name) yield model;
  }

  /** @returns whether its answers are nobody's now: no other target of the same content is there. */
  delete(target: Target): boolean {
    if (!this.#models.delete(target)) return false;
    const { digest } = target.spec;
    for (const other of this.#models.values()) if (other.digest === digest) return false;
    return true;
  }
}
