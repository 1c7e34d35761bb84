import type { HeldBatch } from './held-batch.ts';
import type { Lane } from './lane.ts';
import { chooseLane, type LaneHead } from './policy/choose-lane.ts';
import { chooseModel } from './policy/choose-model.ts';
import type { CloseDecision } from './policy/close-batch.ts';
import { decideClose } from './form-batch.ts';
import type { Slot } from './slot.ts';
import type { TargetQueue } from './target-queue.ts';

/** What a target would do with a free executor. */
export type Proposal = HeldProposal | LaneProposal;

export interface HeldProposal {
  readonly kind: 'held';
  readonly queue: TargetQueue;
  readonly slot: Slot;
  readonly held: HeldBatch;
  readonly costMs: number;
}

export interface LaneProposal {
  readonly kind: 'lane';
  readonly queue: TargetQueue;
  readonly slot: Slot;
  readonly lane: Lane;
  readonly closing: CloseDecision & { readonly kind: 'close' };
  readonly costMs: number;
}

/** Nothing before this moment: its batch waits for company. */
export interface WaitProposal {
  readonly kind: 'wait';
  readonly untilMs: number;
}

/** @returns undefined when the target has nothing that could start on a free executor. */
export function propose(
  queue: TargetQueue,
  free: readonly Slot[],
  nowMs: number,
): Proposal | WaitProposal | undefined {
  for (const held of queue.held) {
    const slot = free.find((candidate) => candidate !== held.notOn);
    if (slot === undefined) continue;
    let rows = 0;
    for (const entry of held.entries) rows += entry.rows;
    return { kind: 'held', queue, slot, held, costMs: held.lane.costs.estimateMs(rows) };
  }
  const [slot] = free;
  return slot === undefined ? undefined : proposeLane(queue, slot, nowMs);
}

/** The most urgent lane whose batch is to go now. */
function proposeLane(queue: TargetQueue, slot: Slot, nowMs: number): LaneProposal | WaitProposal | undefined {
  let lanes: readonly Lane[] = queue.activeLanes;
  let untilMs = Infinity;
  while (lanes.length > 0) {
    const lane = lanes.length === 1 ? lanes[0] : lanes[chooseLane(lanes.map(headOf), nowMs)];
    if (lane === undefined) break;
    const closing = decideClose(queue, lane, nowMs);
    if (closing.kind === 'close') {
      const costMs = lane.costs.estimateMs(Math.min(lane.rows, closing.rows));
      return { kind: 'lane', queue, slot, lane, closing, costMs };
    }
    untilMs = Math.min(untilMs, closing.untilMs);
    lanes = lanes.filter((other) => other !== lane);
  }
  return untilMs === Infinity ? undefined : { kind: 'wait', untilMs };
}

function headOf(lane: Lane): LaneHead {
  for (const level of lane.levels) {
    const head = level.head(undefined);
    if (head !== undefined) return { level: level.number, queuedAt: level.oldestQueuedAt(), rank: head.rank };
  }
  throw new Error('bug: an active lane where nothing waits');
}

/** Whose turn it is, by device time used so far; remembers who comes after. */
export class Turns {
  #last: TargetQueue | undefined;

  choose(proposals: readonly Proposal[]): Proposal | undefined {
    const [first] = proposals;
    if (first === undefined || proposals.length === 1) {
      // Alone it needs no share; what it used before others came is not held against it.
      if (first !== undefined) first.queue.deficitMs = 0;
      return first;
    }
    const lastIndex = proposals.findIndex((proposal) => proposal.queue === this.#last);
    const { index, grantMs } = chooseModel(
      proposals.map(({ queue, costMs }) => ({ deficitMs: queue.deficitMs, costMs })),
      lastIndex + 1,
    );
    for (const { queue } of proposals) queue.deficitMs += grantMs;
    const chosen = proposals[index];
    if (chosen === undefined) return first;
    chosen.queue.deficitMs -= chosen.costMs;
    this.#last = chosen.queue;
    return chosen;
  }
}
