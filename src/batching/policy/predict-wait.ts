/** Learned costs are averages; a run may take this much longer. */
export const predictionMargin = 1.1;

/** What stands before a request that asks to be let in. */
export interface DoorSnapshot {
  /** Until an executor of the model is free: 0 when one is. */
  readonly soonFreeMs: number;
  /** Full batches that are served before the request's own, over all its executors. */
  readonly batchesAhead: number;
  readonly fullBatchMs: number;
  /** Other work of the same model that is served before it: other shapes. */
  readonly otherWorkMs: number;
  /** The batch that the request would be in. */
  readonly ownBatchMs: number;
  readonly executors: number;
}

/** When the request's answer is to be expected, in milliseconds from now. Without the margin. */
export function predictAnswerMs(door: DoorSnapshot): number {
  const ahead = door.batchesAhead * door.fullBatchMs + door.otherWorkMs;
  return door.soonFreeMs + ahead / Math.max(1, door.executors) + door.ownBatchMs;
}

/** A request that cannot be answered in time is work for nobody: refused while refusing is still cheap. */
export function arrivesTooLate(answerMs: number, slackMs: number, margin: number): boolean {
  return answerMs * margin > slackMs;
}

/**
 * The rows that are really before a principal's next request when shares are fair: its own rows and, for each of them,
 * the others' part by weight; never more than there are.
 */
export function rowsAheadFairly(
  totalRows: number,
  ownRows: number,
  ownWeight: number,
  totalWeight: number,
): number {
  return Math.min(totalRows, Math.ceil((ownRows * totalWeight) / ownWeight) + (totalRows > ownRows ? 1 : 0));
}
