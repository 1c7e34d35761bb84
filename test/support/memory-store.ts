import type { RolloutDelta } from '../../src/rollouts/arm-delta.ts';
import type { Exchanged, RolloutStore } from '../../src/rollouts/rollout-store.ts';
import { readStored, storedForm, type RolloutState } from '../../src/rollouts/state.ts';

/** Keeps rollouts as the text that a file would hold, and fails when the test says so. */
export class MemoryStore implements RolloutStore {
  readonly shared = false;
  readonly kept = new Map<string, string>();
  failing = false;

  async load(): Promise<readonly RolloutState[]> {
    return Array.from(this.kept.values(), (text) => readStored(JSON.parse(text)));
  }

  async save(state: RolloutState, earlier: number): Promise<boolean> {
    if (this.failing) throw new Error('no room');
    const { model } = state.plan;
    const before = this.kept.get(model);
    if ((before === undefined ? -1 : readStored(JSON.parse(before)).revision) !== earlier) return false;
    this.kept.set(model, JSON.stringify(storedForm(state)));
    return true;
  }

  async remove(model: string): Promise<void> {
    this.kept.delete(model);
  }

  changes(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  exchange(deltas: readonly RolloutDelta[]): Promise<Exchanged> {
    return Promise.resolve({ leading: true, log: '', told: [{ at: 0, deltas }] });
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
