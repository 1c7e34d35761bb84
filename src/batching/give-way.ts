import type { Entry } from './entry.ts';
import { chooseVictim } from './policy/choose-victim.ts';
import type { PrincipalQueue } from './principal-queue.ts';
import type { TargetQueue } from './target-queue.ts';

/**
 * Who gives way to a newcomer at a full queue: somebody of a later priority level; else somebody of a principal that has
 * more waiting for its weight; else, while the queue is standing, the oldest request without a deadline, whose caller
 * is the least likely to wait still. The newcomer itself when none of these exists.
 */
export function whoGivesWay(queue: TargetQueue, newcomer: Entry, nowMs: number): Entry | undefined {
  const standing = queue.standing(nowMs);
  const lower = lastOfLaterLevel(queue, newcomer.level, standing);
  if (lower !== undefined) return lower;
  const greedy = lastOfGreediest(queue, newcomer, standing);
  if (greedy !== undefined) return greedy;
  return standing && newcomer.deadline === Infinity ? oldestPatient(queue, newcomer.level) : undefined;
}

function lastOfLaterLevel(queue: TargetQueue, level: number, standing: boolean): Entry | undefined {
  let victim: Entry | undefined;
  forEachQueue(queue, (waiting) => {
    const candidate = waiting.level.number > level ? waiting.victim(standing) : undefined;
    if (candidate !== undefined && (victim === undefined || candidate.level > victim.level))
      victim = candidate;
  });
  return victim;
}

function lastOfGreediest(queue: TargetQueue, newcomer: Entry, standing: boolean): Entry | undefined {
  if (queue.accounts.length === 0) return undefined;
  const { name, weight } = newcomer.call.principal;
  const own = queue.accounts.find((account) => account.name === name);
  const others = queue.accounts.filter((account) => account !== own);
  const share = { queuedRows: (own?.queuedRows ?? 0) + newcomer.rows, weight };
  const greediest = others[chooseVictim(others, share)];
  if (greediest === undefined) return undefined;
  let victim: Entry | undefined;
  forEachQueue(queue, (waiting) => {
    if (waiting.account !== greediest || waiting.level.number < newcomer.level) return;
    const candidate = waiting.victim(standing);
    if (candidate !== undefined && (victim === undefined || candidate.order > victim.order))
      victim = candidate;
  });
  return victim;
}

function oldestPatient(queue: TargetQueue, level: number): Entry | undefined {
  let oldest: Entry | undefined;
  forEachQueue(queue, (waiting) => {
    const candidate = waiting.level.number >= level ? waiting.oldestPatient : undefined;
    if (candidate?.deadline !== Infinity) return;
    if (oldest === undefined || candidate.queuedAt < oldest.queuedAt) oldest = candidate;
  });
  return oldest;
}

function forEachQueue(queue: TargetQueue, visit: (waiting: PrincipalQueue) => void): void {
  for (const lane of queue.activeLanes) {
    for (const level of lane.levels) {
      if (level.requests > 0) for (const waiting of level.principals) visit(waiting);
    }
  }
}
