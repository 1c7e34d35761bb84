import type { Entry } from './entry.ts';
import type { Lane } from './lane.ts';
import { PrincipalQueue, type PrincipalAccount } from './principal-queue.ts';

/** One priority level of a lane: its requests, by principal. */
export class Level {
  readonly lane: Lane;
  /** 0 when the model has no priorities, else 1 (first) and up; levels + 1 for requests that were put back (DELAY). */
  readonly number: number;
  /** At least one, so that the usual case of one caller allocates nothing. */
  readonly principals: PrincipalQueue[] = [];
  requests = 0;
  rows = 0;

  constructor(lane: Lane, number: number) {
    this.lane = lane;
    this.number = number;
  }

  queueOf(account: PrincipalAccount): PrincipalQueue {
    for (const queue of this.principals) if (queue.account === account) return queue;
    const queue = new PrincipalQueue(account, this);
    // An empty queue of somebody who left makes room, so that the list never outgrows those who wait.
    const vacant = this.principals.findIndex((other) => other.size === 0);
    if (vacant >= 0) this.principals[vacant] = queue;
    else this.principals.push(queue);
    return queue;
  }

  /** The next to be served: of the principal that had least for its weight, the most urgent request. */
  head(newestSince: number | undefined): Entry | undefined {
    let next: PrincipalQueue | undefined;
    for (const queue of this.principals) {
      if (queue.size === 0) continue;
      if (next === undefined || queue.account.virtualTime < next.account.virtualTime) next = queue;
    }
    return next?.head(newestSince);
  }

  oldestQueuedAt(): number {
    let oldest = Infinity;
    for (const queue of this.principals) {
      const patient = queue.oldestPatient;
      if (patient !== undefined && patient.queuedAt < oldest) oldest = patient.queuedAt;
      const urgent = queue.mostUrgent;
      if (urgent !== undefined && urgent.queuedAt < oldest) oldest = urgent.queuedAt;
    }
    return oldest;
  }
}
