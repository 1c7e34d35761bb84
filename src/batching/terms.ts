import type { CallContext } from '../inference/call-context.ts';
import type { InferRequest } from '../inference/request.ts';
import type { QueuePolicy, Scheduling } from '../inference/target.ts';

/**
 * Longest that a request waits behind later ones with earlier deadlines. A request without a deadline is served as if
 * it had this one; a second is past what a person calls prompt.
 */
export const patienceMs = 1_000;

/** What a request's parameters and its model's scheduling say about how it waits. */
export interface Terms {
  readonly level: number;
  /** When the queue's timeout is up; Infinity without one. */
  readonly timeoutAt: number;
}

/**
 * Reads `priority` (0 or more than the model has: its default) and `timeout` (microseconds). The request's timeout only
 * ever shortens the model's, and holds even where the model sets none.
 */
export function termsOf(scheduling: Scheduling, request: InferRequest, nowMs: number): Terms {
  const level = levelOf(scheduling, request);
  const asked = request.parameters.size === 0 ? 0 : positiveInteger(request.parameters.get('timeout'));
  const own = policyOf(scheduling, level).defaultTimeoutMicroseconds;
  const timeout = asked > 0 && (own === 0 || asked < own) ? asked : own;
  return { level, timeoutAt: timeout > 0 ? nowMs + timeout / 1_000 : Infinity };
}

/** The queue policy of a priority level; a request put back by `delay` (a half level later) keeps its own. */
export function policyOf(scheduling: Scheduling, level: number): QueuePolicy {
  return scheduling.priorityQueuePolicies.get(Math.floor(level)) ?? scheduling.defaultQueuePolicy;
}

function levelOf(scheduling: Scheduling, request: InferRequest): number {
  if (scheduling.priorityLevels === 0) return 0;
  const asked = request.parameters.size === 0 ? 0 : positiveInteger(request.parameters.get('priority'));
  return asked > 0 && asked <= scheduling.priorityLevels ? asked : scheduling.defaultPriorityLevel;
}

/** 0 for anything else. */
function positiveInteger(value: unknown): number {
  const number = typeof value === 'bigint' ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) && number > 0 ? number : 0;
}

/** The rank of a request: its expiry when that is near, else when its patience ends; arrival where order is kept. */
export function rankOf(scheduling: Scheduling, expiresAt: number, nowMs: number): number {
  if (scheduling.preserveOrdering) return nowMs;
  return Math.min(expiresAt, nowMs + patienceMs);
}

/** The earlier of what the queue and the caller allow. */
export function expiryOf(terms: Terms, call: CallContext): number {
  return Math.min(terms.timeoutAt, call.deadline);
}
