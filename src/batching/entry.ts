import type { CallContext } from '../inference/call-context.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Linked } from '../util/linked-queue.ts';
import type { Ranked } from '../util/rank-heap.ts';
import type { PrincipalQueue } from './principal-queue.ts';

/** Where an entry is on its way: it waits in a lane, is part of a batch, or has been answered. */
export type EntryState = 'waiting' | 'running' | 'settled';

/** Who is told how an entry ended. Exactly one of the two is called, once. */
export interface Settlement {
  resolve(response: InferResponse): void;
  reject(error: unknown): void;
}

/** One request in the batcher (or one chunk of a request that was split). All fields exist from birth. */
export class Entry implements Ranked, Linked<Entry> {
  readonly request: InferRequest;
  readonly call: CallContext;
  readonly settlement: Settlement;
  readonly rows: number;
  readonly sizeBytes: number;
  readonly queuedAt: number;
  /** The call's: when the answer must be there. */
  readonly deadline: number;
  /** The earlier of the call's deadline and the queue's timeout; Infinity for neither. */
  expiresAt: number;
  /** Order of service within a level: smallest first. */
  rank: number;
  readonly order: number;
  level: number;
  /** Which of the model's outputs are wanted, a bit each; -1 for all (and for models with more than 30). */
  readonly outputMask: number;
  /** Position among the chunks of a split request; -1 for a whole one. */
  readonly chunk: number;
  state: EntryState = 'waiting';
  home: PrincipalQueue | undefined = undefined;
  heapIndex = -1;
  previous: Entry | undefined = undefined;
  next: Entry | undefined = undefined;

  constructor(request: InferRequest, call: CallContext, settlement: Settlement, facts: EntryFacts) {
    this.request = request;
    this.call = call;
    this.settlement = settlement;
    this.deadline = call.deadline;
    this.rows = facts.rows;
    this.sizeBytes = facts.sizeBytes;
    this.queuedAt = facts.queuedAt;
    this.expiresAt = facts.expiresAt;
    this.rank = facts.rank;
    this.order = facts.order;
    this.level = facts.level;
    this.outputMask = facts.outputMask;
    this.chunk = facts.chunk;
  }
}

export interface EntryFacts {
  readonly rows: number;
  readonly sizeBytes: number;
  readonly queuedAt: number;
  readonly expiresAt: number;
  readonly rank: number;
  readonly order: number;
  readonly level: number;
  readonly outputMask: number;
  readonly chunk: number;
}
