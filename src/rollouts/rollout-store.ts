import type { RolloutDelta } from './arm-delta.ts';
import type { RolloutState } from './state.ts';

/** How far somebody has come in what replicas tell. */
export interface Place {
  /** Which telling: one that is lost is followed by another. */
  readonly log: string;
  /** The number of the last that was heard; they grow. */
  readonly at: number;
}

export interface Told {
  readonly at: number;
  readonly deltas: readonly RolloutDelta[];
}

/** Whose turn it is, and what there is to digest. */
export interface Exchanged {
  /** Whether this replica decides now; one does. */
  readonly leading: boolean;
  /** '' where nothing is kept of what is told: it is told once. */
  readonly log: string;
  /** What all replicas have counted, for whoever decides, oldest first; empty for others. */
  readonly told: readonly Told[];
}

/** What of it this replica needs, if it is to decide; undefined: all that there is. */
export interface Places {
  /** It has heard what comes before. */
  readonly heard: Place | undefined;
  /** What comes before is part of the states that are kept, and need not be told again. */
  readonly kept: Place | undefined;
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
  /**
   * Gives what this replica has counted, and gets what is to be digested here. It is there until it is kept as part of states: whoever
   * decides next goes on from those.
   */
  exchange(deltas: readonly RolloutDelta[], places: Places): Promise<Exchanged>;
}
