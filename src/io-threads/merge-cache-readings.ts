import {
  cacheBypassReasons,
  cachedRows,
  cacheOutcomes,
  sharedEvents,
  type CacheReading,
  type SharedReading,
} from '../inference/caching.ts';

/** What the caches of two threads hold of one model version: sums, and means weighted by the requests looked up. */
export function mergeCacheReadings(
  a: CacheReading | undefined,
  b: CacheReading | undefined,
): CacheReading | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const requests = { ...a.requests };
  for (const outcome of cacheOutcomes) requests[outcome] += b.requests[outcome];
  const bypassed = { ...a.bypassed };
  for (const reason of cacheBypassReasons) bypassed[reason] += b.bypassed[reason];
  const rows = { ...a.rows };
  for (const word of cachedRows) rows[word] += b.rows[word];
  const weightOfA = looks(a);
  const weightOfB = looks(b);
  const mean = (one: number, other: number): number =>
    weightOfA + weightOfB === 0 ? one : (one * weightOfA + other * weightOfB) / (weightOfA + weightOfB);
  return {
    offReason: a.offReason || b.offReason,
    requests,
    bypassed,
    rows,
    entries: a.entries + b.entries,
    sizeBytes: a.sizeBytes + b.sizeBytes,
    hitRatio: mean(a.hitRatio, b.hitRatio),
    lookupMs: mean(a.lookupMs, b.lookupMs),
    insertMs: mean(a.insertMs, b.insertMs),
    computeMs: mean(a.computeMs, b.computeMs),
    shared: mergeShared(a.shared, b.shared),
  };
}

function mergeShared(a: SharedReading | undefined, b: SharedReading | undefined): SharedReading | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const events = { ...a.events };
  for (const event of sharedEvents) events[event] += b.events[event];
  return {
    offReason: a.offReason || b.offReason,
    roundTripMs: Math.max(a.roundTripMs, b.roundTripMs),
    events,
  };
}

function looks({ requests }: CacheReading): number {
  return cacheOutcomes.reduce((sum, outcome) => sum + requests[outcome], 0);
}
