import { isNews } from '../../src/rollouts/arm-delta.ts';
import type { RolloutStore, Told } from '../../src/rollouts/rollout-store.ts';
import { readStored, storedForm, type RolloutState } from '../../src/rollouts/state.ts';

/** What replicas share of their rollouts, without a Redis. The one that `leader` names decides. */
export class SharedStore {
  leader = 0;
  readonly #kept = new Map<string, string>();
  #changes = 0;
  /** What was told and is not kept yet. */
  #told: readonly Told[] = [];
  #last = 0;

  /** Texts that wait for being kept. */
  get waiting(): number {
    return this.#told.length;
  }

  /** The store of one replica. */
  replica(number: number): RolloutStore {
    let seen = -1;
    const load = async (): Promise<readonly RolloutState[]> => {
      seen = this.#changes;
      return Array.from(this.#kept.values(), (text) => readStored(JSON.parse(text)));
    };
    return {
      shared: true,
      load,
      save: async (state, earlier) => {
        const before = this.#kept.get(state.plan.model);
        if ((before === undefined ? -1 : readStored(JSON.parse(before)).revision) !== earlier) return false;
        this.#kept.set(state.plan.model, JSON.stringify(storedForm(state)));
        this.#changes += 1;
        return true;
      },
      remove: async (model) => {
        this.#kept.delete(model);
        this.#changes += 1;
      },
      changes: async () => (seen === this.#changes ? undefined : load()),
      exchange: async (deltas, { heard, kept }) => {
        if (deltas.some(({ arms }) => arms.some(isNews))) {
          this.#last += 1;
          this.#told = [...this.#told, { at: this.#last, deltas }];
        }
        if (number !== this.leader) return { leading: false, log: 'log', told: [] };
        this.#told = this.#told.filter(({ at }) => at > (kept?.at ?? 0));
        return { leading: true, log: 'log', told: this.#told.filter(({ at }) => at > (heard?.at ?? 0)) };
      },
      async [Symbol.asyncDispose]() {},
    };
  }
}
