/** Why requests of a model go past the cache although its configuration asks for one. */
export const cacheBypassReasons = ['random_operators', 'does_not_pay'] as const;

export type CacheBypassReason = (typeof cacheBypassReasons)[number];

/** That answers of a model may be kept and given again: its configuration says so. */
export interface CachingPlan {
  /** What the model holds that makes its answers to equal requests differ: an operator's name; '' when there is none. */
  readonly randomOperator: string;
}

/** How requests were answered. `joined`: by what an equal request that was under way got; `shared`: from the shared cache. */
export const cacheOutcomes = ['hit', 'stale', 'joined', 'shared', 'miss'] as const;

export type CacheOutcome = (typeof cacheOutcomes)[number];

/** What became of rows of requests, where rows have answers of their own. `repeated`: equal to another one of its request. */
export const cachedRows = ['found', 'repeated', 'computed'] as const;

export type CachedRows = (typeof cachedRows)[number];

/**
 * What happened to a model's answers in the shared cache, besides being found there. `invalid`: what was kept is no answer;
 * `fetched`: taken into memory before anybody asked here, because others were asked for it often.
 */
export const sharedEvents = ['timeout', 'error', 'invalid', 'written', 'unwritten', 'fetched'] as const;

export type SharedEvent = (typeof sharedEvents)[number];

/** What can be told of one model version's use of the shared cache. */
export interface SharedReading {
  /** Why it is not asked now; '' while it is. */
  readonly offReason: '' | 'unreachable' | 'does_not_pay';
  readonly roundTripMs: number;
  readonly events: Readonly<Record<SharedEvent, number>>;
}

/** Forgets answers. */
export interface CachePurge {
  /**
   * @param model all its versions; '' for all models.
   * @param at milliseconds since the Unix epoch.
   * @returns how many were kept here.
   * @throws (rejects with) unavailable when servers that share them cannot be told; here they are gone all the same.
   */
  purge(model: string, at: number): Promise<number>;
}

/** What can be told of one model version's part of the cache. */
export interface CacheReading {
  /** Why new requests go past it now; '' while they do not. */
  readonly offReason: CacheBypassReason | '';
  readonly requests: Readonly<Record<CacheOutcome, number>>;
  readonly bypassed: Readonly<Record<CacheBypassReason, number>>;
  /** Of requests of several rows that were looked up. */
  readonly rows: Readonly<Record<CachedRows, number>>;
  readonly entries: number;
  readonly sizeBytes: number;
  /** Of the requests that were looked up of late: 0 to 1. */
  readonly hitRatio: number;
  /** What a look-up costs: hashing the request and finding its answer. */
  readonly lookupMs: number;
  /** What keeping an answer costs. */
  readonly insertMs: number;
  /** What computing an answer costs: a request's share of its batch. */
  readonly computeMs: number;
  /** undefined where there is no shared cache. */
  readonly shared: SharedReading | undefined;
}
