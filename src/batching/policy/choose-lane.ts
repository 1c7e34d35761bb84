/** A lane's most urgent waiting request, as the choice sees it. */
export interface LaneHead {
  /** Priority level; smaller goes first. */
  readonly level: number;
  /** When the oldest request of that level came, in the clock's milliseconds. */
  readonly queuedAt: number;
  /** Deadline, or what stands for it without one. */
  readonly rank: number;
}

/**
 * Waiting this long is worth one priority level, so that no level waits longer than (levels x this) for its turn.
 * Half a second: longer than a batch of any model that is worth batching, shorter than callers' usual patience.
 */
export const ageingMs = 500;

/** A level after ageing: one better for each `ageingMs` that its oldest request has waited. */
export function agedLevel(level: number, queuedAt: number, nowMs: number): number {
  return level - Math.floor(Math.max(0, nowMs - queuedAt) / ageingMs);
}

/** The lane to serve: best aged level, then earliest rank, then the first. @returns -1 for none. */
export function chooseLane(heads: readonly LaneHead[], nowMs: number): number {
  let chosen = -1;
  let chosenLevel = Infinity;
  let chosenRank = Infinity;
  for (let i = 0; i < heads.length; i++) {
    const head = heads[i];
    if (head === undefined) continue;
    const level = agedLevel(head.level, head.queuedAt, nowMs);
    if (chosen < 0 || level < chosenLevel || (level === chosenLevel && head.rank < chosenRank)) {
      chosen = i;
      chosenLevel = level;
      chosenRank = head.rank;
    }
  }
  return chosen;
}
