import type { Entry } from './entry.ts';
import type { CloseReason } from './inspection.ts';
import type { Lane } from './lane.ts';
import type { Level } from './level.ts';
import { agedLevel } from './policy/choose-lane.ts';
import { closeBatch, type CloseDecision } from './policy/close-batch.ts';
import { takeRows } from './policy/take-rows.ts';
import type { TargetQueue } from './target-queue.ts';
import { patienceMs } from './terms.ts';

/** Rows at which a batch of the lane is full. Preferred sizes are the operator's word and set the knee aside. */
export function fullRows(queue: TargetQueue, lane: Lane): number {
  const preferred = queue.target.scheduling.preferredBatchSizes.length > 0;
  const full = preferred ? queue.maxRows : Math.min(queue.maxRows, lane.costs.nextFullSize());
  return lane.bucket === undefined ? full : Math.min(full, lane.bucket.mostRows);
}

/** Whether the lane's next batch goes now, and how large it may be. The lane has something waiting. */
export function decideClose(queue: TargetQueue, lane: Lane, nowMs: number): CloseDecision {
  if (queue.alone) return { kind: 'close', rows: 1, reason: 'slot_free' };
  const { scheduling } = queue.target;
  const maxDelayMs = scheduling.maxQueueDelayMicroseconds / 1_000;
  let oldestQueuedAt = Infinity;
  if (maxDelayMs > 0) {
    for (const level of lane.levels) oldestQueuedAt = Math.min(oldestQueuedAt, level.oldestQueuedAt());
  }
  return closeBatch(
    {
      rows: lane.rows,
      oldestQueuedAt,
      fullRows: fullRows(queue, lane),
      preferredSizes: scheduling.preferredBatchSizes,
      maxDelayMs,
    },
    nowMs,
  );
}

export interface FormedBatch {
  readonly entries: readonly Entry[];
  readonly reason: CloseReason;
}

/** Requests of another lane that join a batch. */
export interface Guests {
  readonly lane: Lane;
  readonly rows: number;
}

export interface FormOptions {
  readonly nowMs: number;
  /** The lane whose costs and sizes the batch has: that of the largest bucket in it. */
  readonly host: Lane;
  readonly guests: readonly Guests[];
  /** What became of an entry that left the lane without a batch. */
  readonly onExpired: (entry: Entry) => void;
  readonly onDoomed: (entry: Entry) => void;
}

/** Takes the requests of the next batch out of the lane; none are left when all of them turned out to be too late. */
export function formBatch(
  queue: TargetQueue,
  lane: Lane,
  closing: CloseDecision & { readonly kind: 'close' },
  options: FormOptions,
): FormedBatch {
  const { nowMs, host, guests } = options;
  let entries: Entry[] = [];
  const judged = queue.trustsCosts(nowMs);
  for (;;) {
    let upTo = closing.rows;
    collect(queue, lane, entries, { ...options, rows: upTo });
    for (const guest of guests) {
      upTo += guest.rows;
      collect(queue, guest.lane, entries, { ...options, rows: upTo });
    }
    if (!judged || !entries.some(hasDeadline)) return { entries, reason: closing.reason };
    const { rows, doomed } = takeRows(entries, {
      nowMs,
      backlog: lane.requests > 0 || closing.reason === 'full',
      costMs: (count) => host.costs.estimateMs(count),
    });
    if (doomed.length === 0) {
      const kept = keepRows(queue, lane, entries, rows);
      return { entries: kept, reason: kept.length < entries.length ? 'deadline' : closing.reason };
    }
    for (const index of doomed) {
      const entry = entries[index];
      if (entry !== undefined) options.onDoomed(entry);
    }
    entries = entries.filter((_, index) => !doomed.includes(index));
  }
}

function hasDeadline(entry: Entry): boolean {
  return entry.deadline !== Infinity;
}

/** Adds entries in order of service until `rows` are reached; a single one may be larger. */
function collect(
  queue: TargetQueue,
  lane: Lane,
  entries: Entry[],
  options: FormOptions & { readonly rows: number },
): void {
  const { nowMs } = options;
  const newestSince = queue.standing(nowMs) ? nowMs - patienceMs : undefined;
  let rows = 0;
  for (const entry of entries) rows += entry.rows;
  while (rows < options.rows || entries.length === 0) {
    const entry = nextLevel(lane, nowMs)?.head(newestSince);
    if (entry === undefined) return;
    if (entries.length > 0 && rows + entry.rows > options.rows) return;
    queue.take(entry);
    if (entry.expiresAt <= nowMs) {
      options.onExpired(entry);
      continue;
    }
    entries.push(entry);
    rows += entry.rows;
  }
}

/** The level to serve next: the best one after ageing. */
function nextLevel(lane: Lane, nowMs: number): Level | undefined {
  let next: Level | undefined;
  let best = Infinity;
  for (const level of lane.levels) {
    if (level.requests === 0) continue;
    const aged = lane.levels.length === 1 ? 0 : agedLevel(level.number, level.oldestQueuedAt(), nowMs);
    if (aged < best) {
      best = aged;
      next = level;
    }
  }
  return next;
}

/** Keeps the first entries that fit into `rows`, at least one, and puts the others back. */
function keepRows(queue: TargetQueue, lane: Lane, entries: readonly Entry[], rows: number): readonly Entry[] {
  let kept = 0;
  let count = 0;
  for (const entry of entries) {
    if (count > 0 && kept + entry.rows > rows) break;
    kept += entry.rows;
    count += 1;
  }
  if (count === entries.length) return entries;
  for (let i = entries.length - 1; i >= count; i--) {
    const entry = entries[i];
    if (entry !== undefined) queue.restore(lane, entry);
  }
  return entries.slice(0, count);
}
