import type { CallContext } from '../inference/call-context.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Target } from '../inference/target.ts';
import type { Clock } from '../util/clock.ts';
import type { SharedAnswers } from './shared-answers.ts';

/** Hands a request, valid for its target, to whoever executes it. */
export type Submit = (target: Target, request: InferRequest, call: CallContext) => Promise<InferResponse>;

export interface CacheLimits {
  /** Of the answers kept, and of what keeping them costs. */
  readonly maxBytes: number;
  /** How long an answer may be given; 0: as long as it is kept. */
  readonly ttlMs: number;
  /** How much longer it may be given while a new one is computed. */
  readonly staleMs: number;
}

export interface ResultCacheOptions extends CacheLimits {
  readonly submit: Submit;
  readonly clock: Clock;
  /** Where answers are shared with other servers; undefined for nowhere. */
  readonly shared: SharedAnswers | undefined;
  /** From 0 to 1, never 0. */
  readonly random: () => number;
}
