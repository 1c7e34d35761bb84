import type { RolloutDelta } from './arm-delta.ts';
import type { RolloutState } from './state.ts';

/** Whose turn it is, and what there is to digest. */
export interface Exchanged {
  /** Whether this replica decides now; one does. */
  readonly leading: boolean;
  /** What all replicas have counted, for whoever decides; empty for others. */
  readonly deltas: readonly RolloutDelta[];
}

/** Where rollouts outlive a process, and where replicas agree on them. */
export interface RolloutStore extends AsyncDisposable {
  /** Others may change it. */
  readonly shared: boolean;
  /** All there are. @throws ServingError failed_precondition when they cannot be read. */
  load(): Promise<readonly RolloutState[]>;
  /**
   * Keeps a state in place of the one of its model that had `earlier` as its revision; -1 where there must be none.
   *
   * @returns false when somebody else has changed it meanwhile.
   * @throws ServingError when it cannot be kept.
   */
  save(state: RolloutState, earlier: number): Promise<boolean>;
  remove(model: string): Promise<void>;
  /** All there are, when something was changed elsewhere since the last call; undefined when nothing was. */
  changes(): Promise<readonly RolloutState[] | undefined>;
  /** Gives what this replica has counted, and gets what is to be digested here. */
  exchange(deltas: readonly RolloutDelta[]): Promise<Exchanged>;
}
