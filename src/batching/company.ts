import type { Entry } from './entry.ts';
import { fullRows, type Guests } from './form-batch.ts';
import type { Lane } from './lane.ts';
import type { CloseDecision } from './policy/close-batch.ts';
import { shareBucket } from './policy/share-bucket.ts';
import type { TargetQueue } from './target-queue.ts';

/** Who else is in the batch of a lane. */
export interface Company {
  readonly host: Lane;
  readonly guests: readonly Guests[];
}

/** The lane that a batch is run as: its own when deadlines left no room for guests. */
export function hostOf(queue: TargetQueue, lane: Lane, company: Company, entries: readonly Entry[]): Lane {
  const alone = company.guests.length > 0 && entries.every((entry) => queue.homeOf(lane, entry) === lane);
  return alone ? lane : company.host;
}

export const nobody: readonly Guests[] = [];

/** Requests of other buckets that are cheaper to pad into the lane's batch than to run in one of their own. */
export function companyOf(
  queue: TargetQueue,
  lane: Lane,
  closing: CloseDecision & { readonly kind: 'close' },
): Company {
  // A preferred size is exact, and a full batch has no room.
  const open = closing.reason === 'slot_free' || closing.reason === 'delay';
  if (lane.bucket === undefined || !open || queue.alone || queue.activeLanes.length === 1) {
    return { host: lane, guests: nobody };
  }
  const { family } = lane.bucket;
  const lanes = queue.activeLanes.filter(({ bucket }) => bucket?.family === family);
  const { host, rows } = shareBucket(
    lanes.map((other) => ({
      bounds: other.bucket?.bounds ?? [],
      rows: other.rows,
      fullRows: fullRows(queue, other),
      costMs: (count: number) => other.costs.estimateMs(count),
    })),
    lanes.indexOf(lane),
    Math.min(lane.rows, closing.rows),
  );
  const guests: Guests[] = [];
  for (const [index, other] of lanes.entries()) {
    const taken = rows[index] ?? 0;
    if (other !== lane && taken > 0) guests.push({ lane: other, rows: taken });
  }
  return { host: lanes[host] ?? lane, guests };
}
