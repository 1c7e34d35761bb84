import type { Principal, Scope } from './principal.ts';

/** What a caller wants to do, for whoever notes that it may not. */
export interface AskedCall {
  /** Path of the method, or of the request, as it came. */
  readonly path: string;
  readonly scope: Scope | 'none';
}

/** Finds who calls; throws unauthenticated. `header` gives the first value of a lower-case name of metadata or headers. */
export type Authenticate = (header: (name: string) => string | undefined, asked?: AskedCall) => Principal;
