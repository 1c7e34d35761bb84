import type { Target } from './target.ts';

/** A version that exists but cannot be routed to now. */
export type AbsentVersion = 'loading' | 'unloading' | 'unavailable';

/** One model in the table. Immutable, like the table: a change makes new ones. */
export interface ModelRoutes {
  /** The newest ready version, by number. */
  readonly newest: Target | undefined;
  /** By version number without leading zeros. */
  readonly ready: ReadonlyMap<string, Target>;
  readonly absent: ReadonlyMap<string, AbsentVersion>;
}

/** What can be routed to. The control plane makes a new one for each change and swaps it as a whole. */
export type RoutingTable = ReadonlyMap<string, ModelRoutes>;
