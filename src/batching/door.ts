import type { ServingError } from '../errors.ts';
import type { Entry } from './entry.ts';
import type { Lane } from './lane.ts';
import type { Level } from './level.ts';
import type { BatcherLimits } from './options.ts';
import { nextDoorMargin } from './policy/door-margin.ts';
import { arrivesTooLate, predictAnswerMs, rowsAheadFairly } from './policy/predict-wait.ts';
import { queueSizeError, shedError, type ShedReason } from './refusals.ts';
import type { TargetQueue } from './target-queue.ts';
import { policyOf } from './terms.ts';

/** Why a newcomer is over a bound: it may enter if others give way. */
export type Overflow = Extract<ShedReason, `QUEUE_${string}`>;

/** The model's own bound on its queue, per priority level: Triton's max_queue_size. */
export function refuseBySize(queue: TargetQueue, priority: number): ServingError | undefined {
  const { maxQueueSize } = policyOf(queue.target.scheduling, priority);
  if (maxQueueSize === 0) return undefined;
  let waiting = 0;
  for (const lane of queue.activeLanes) {
    for (const level of lane.levels) if (Math.floor(level.number) === priority) waiting += level.requests;
  }
  return waiting >= maxQueueSize ? queueSizeError() : undefined;
}

/** Refuses a request whose answer is predicted to come after its deadline. */
export function refuseByPrediction(
  queue: TargetQueue,
  lane: Lane,
  entry: Entry,
  nowMs: number,
): ServingError | undefined {
  if (entry.deadline === Infinity || !queue.trustsCosts(nowMs)) return undefined;
  const answerMs = predictedAnswerMs(queue, lane, entry, nowMs);
  const slackMs = entry.deadline - nowMs;
  const margin = queue.doorMargin;
  if (!arrivesTooLate(answerMs, slackMs, margin)) return undefined;
  queue.doorMargin = nextDoorMargin(margin, 'refused');
  return shedError('WAIT_EXCEEDS_DEADLINE', answerMs * margin - slackMs);
}

function predictedAnswerMs(queue: TargetQueue, lane: Lane, entry: Entry, nowMs: number): number {
  const full = queue.alone ? entry.rows : lane.costs.knee;
  const ahead = rowsAhead(queue, lane, entry);
  const soonFreeMs = queue.soonFreeMs(nowMs);
  const rest = ahead % full;
  // While it waits, others join its batch.
  const company = ahead === 0 && soonFreeMs === 0 ? 0 : Math.min(full, lane.typicalRows);
  return predictAnswerMs({
    soonFreeMs,
    batchesAhead: (ahead - rest) / full,
    fullBatchMs: lane.costs.estimateMs(full),
    otherWorkMs: otherLanesMs(queue, lane) + (queue.held.length > 0 ? queue.heldMs() : 0),
    ownBatchMs: lane.costs.estimateMs(Math.max(rest + entry.rows, company)),
    executors: queue.slots.length,
  });
}

function otherLanesMs(queue: TargetQueue, lane: Lane): number {
  return queue.activeLanes.length > 1 ? Math.max(0, queue.workMs - lane.workMs) : 0;
}

/** Rows of the lane that are served before the entry: those of better levels, and in its own those ranked before it. */
function rowsAhead(queue: TargetQueue, lane: Lane, entry: Entry): number {
  let rows = 0;
  for (const level of lane.levels) {
    if (level.number < entry.level) rows += level.rows;
    else if (level.number === entry.level) rows += rowsBefore(level, entry.rank);
  }
  if (queue.accounts.length < 2) return rows;
  const { name, weight } = entry.call.principal;
  let totalWeight = 0;
  let ownRows = 0;
  for (const account of queue.accounts) {
    totalWeight += account.weight;
    if (account.name === name) ownRows = account.queuedRows;
  }
  if (ownRows === 0) totalWeight += weight;
  return rowsAheadFairly(rows, ownRows, weight, totalWeight);
}

/** Ranks are taken as spread evenly between the first and the last: exact when all requests have the same patience. */
function rowsBefore(level: Level, rank: number): number {
  const first = level.head(undefined)?.rank;
  if (first === undefined || rank < first) return 0;
  let last = first;
  for (const queue of level.principals) last = Math.max(last, queue.latestRank);
  if (rank >= last) return level.rows;
  return Math.ceil((level.rows * (rank - first)) / (last - first));
}

/** The first hard bound that the newcomer would break. */
export function overflowOf(
  queue: TargetQueue,
  lane: Lane,
  entry: Entry,
  waiting: { readonly limits: BatcherLimits; readonly sizeBytes: number },
): Overflow | undefined {
  const { limits } = waiting;
  if (waiting.sizeBytes + entry.sizeBytes > limits.queuedBytes) return 'QUEUE_BYTES_EXCEEDED';
  if (queue.requests >= limits.queuedRequests) return 'QUEUE_REQUESTS_EXCEEDED';
  if (queue.rows + entry.rows > limits.queuedRows) return 'QUEUE_ROWS_EXCEEDED';
  // A queue that is empty takes any request, however long it runs.
  if (queue.workMs === 0) return undefined;
  const { knee } = lane.costs;
  const addedMs = (lane.costs.estimateMs(knee) * entry.rows) / knee;
  if (queue.workMs + addedMs > limits.queuedWorkMs * queue.slots.length) return 'QUEUE_WORK_EXCEEDED';
  return undefined;
}

/** Half of what waits is a fair guess of when there is room again. */
export function overflowError(queue: TargetQueue, overflow: Overflow): ServingError {
  return shedError(overflow, queue.workMs / 2 / Math.max(1, queue.slots.length));
}
