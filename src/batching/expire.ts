import type { ServingError } from '../errors.ts';
import type { Answers } from './answers.ts';
import type { Entry } from './entry.ts';
import type { Lane } from './lane.ts';
import { predictionMargin } from './policy/predict-wait.ts';
import { queueTimeoutError, shedError } from './refusals.ts';
import type { TargetQueue } from './target-queue.ts';
import { policyOf, rankOf } from './terms.ts';

/** Requests whose queue timeout passed with action `delay` are served after the others of their level. */
const delayedBy = 0.5;

/** The caller has gone: the request leaves the queue, unless it runs already. */
export function withdraw(queue: TargetQueue, entry: Entry, answers: Answers, nowMs: number): void {
  if (entry.state !== 'waiting') return;
  queue.remove(entry);
  answers.giveUp(queue, entry, nowMs);
}

/** Fails everything that waits in a queue, in lanes or held. */
export function failWaiting(queue: TargetQueue, error: ServingError, answers: Answers, nowMs: number): void {
  const failure = { error, reason: 'REJECTED', nowMs } as const;
  for (let i = queue.activeLanes.length - 1; i >= 0; i--) {
    for (const level of queue.activeLanes[i]?.levels ?? []) {
      for (let entry = level.head(undefined); entry !== undefined; entry = level.head(undefined)) {
        queue.remove(entry);
        answers.fail(queue, entry, failure);
      }
    }
  }
  for (const { entries } of queue.held.splice(0)) {
    for (const entry of entries) answers.fail(queue, entry, failure);
  }
}

/**
 * Deals with every request of a queue whose time is up.
 *
 * @returns when the next one's is; Infinity for none.
 */
export function expireDue(queue: TargetQueue, answers: Answers, nowMs: number): number {
  let next = Infinity;
  // A lane that becomes empty leaves the list, so go from its end.
  for (let i = queue.activeLanes.length - 1; i >= 0; i--) {
    const lane = queue.activeLanes[i];
    if (lane !== undefined) next = Math.min(next, expireLane(queue, lane, answers, nowMs));
  }
  for (const { entries } of queue.held) {
    for (const entry of entries) {
      if (entry.state !== 'waiting') continue;
      if (entry.expiresAt <= nowMs) expire(queue, entry, { answers, nowMs, lane: undefined });
      else next = Math.min(next, entry.expiresAt);
    }
  }
  return next;
}

function expireLane(queue: TargetQueue, lane: Lane, answers: Answers, nowMs: number): number {
  const due: Entry[] = [];
  for (const level of lane.levels) {
    for (const waiting of level.principals) {
      if (waiting.nextExpiry <= nowMs) due.push(...waiting.expired(nowMs));
    }
  }
  for (const entry of due) {
    queue.remove(entry);
    expire(queue, entry, { answers, nowMs, lane });
  }
  let next = Infinity;
  for (const level of lane.levels) {
    for (const waiting of level.principals) next = Math.min(next, waiting.nextExpiry);
  }
  return next;
}

interface Expiry {
  readonly answers: Answers;
  readonly nowMs: number;
  /** Where a delayed request goes back to; undefined for one that already belongs to a held batch. */
  readonly lane: Lane | undefined;
}

/**
 * Deals with one request, already out of its lane, whose time is up.
 *
 * @returns when its time is up again, if it was put back.
 */
export function expire(queue: TargetQueue, entry: Entry, { answers, nowMs, lane }: Expiry): number {
  if (nowMs >= entry.deadline || entry.call.cancelled) {
    answers.giveUp(queue, entry, nowMs);
    return Infinity;
  }
  const { scheduling } = queue.target;
  if (policyOf(scheduling, entry.level).timeoutAction === 'reject') {
    answers.fail(queue, entry, { error: queueTimeoutError(), reason: 'REJECTED', nowMs });
    return Infinity;
  }
  entry.expiresAt = entry.deadline;
  if (lane === undefined) return entry.deadline;
  entry.level += delayedBy;
  entry.rank = rankOf(scheduling, entry.deadline, nowMs);
  queue.add(lane, entry);
  return entry.deadline;
}

/** Gives up a request, already out of its lane, that no longer can be answered in time. */
export function shedDoomed(
  queue: TargetQueue,
  lane: Lane,
  entry: Entry,
  answers: Answers,
  nowMs: number,
): void {
  const neededMs = predictionMargin * lane.costs.estimateMs(entry.rows);
  const error = shedError('DEADLINE_UNREACHABLE', queue.workMs + neededMs - (entry.deadline - nowMs));
  answers.fail(queue, entry, { error, reason: 'REJECTED', nowMs });
}
