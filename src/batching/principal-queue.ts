import { LinkedQueue } from '../util/linked-queue.ts';
import { RankHeap } from '../util/rank-heap.ts';
import type { Entry } from './entry.ts';
import type { Level } from './level.ts';

/** What one principal has waiting at one target, and how much it was served: the book of fair shares. */
export class PrincipalAccount {
  readonly name: string;
  readonly weight: number;
  queuedRows = 0;
  /** Rows served by weight; the principal with the least goes first. */
  virtualTime: number;

  constructor(name: string, weight: number, virtualTime: number) {
    this.name = name;
    this.weight = weight;
    this.virtualTime = virtualTime;
  }
}

/** The waiting requests of one principal in one level of one lane. */
export class PrincipalQueue {
  readonly account: PrincipalAccount;
  readonly level: Level;
  readonly #urgent = new RankHeap<Entry>();
  readonly #patient = new LinkedQueue<Entry>();
  /** Not later than the first expiry among the patient. */
  #patientExpiresAt = Infinity;
  #latestRank = -Infinity;

  constructor(account: PrincipalAccount, level: Level) {
    this.account = account;
    this.level = level;
  }

  get size(): number {
    return this.#urgent.size + this.#patient.size;
  }

  /** The oldest entry that is served in order of arrival: no deadline, a far one, or a model that keeps order. */
  get oldestPatient(): Entry | undefined {
    return this.#patient.first;
  }

  get mostUrgent(): Entry | undefined {
    return this.#urgent.peek();
  }

  /** No entry has to be given up before this moment. May be early, never late. */
  get nextExpiry(): number {
    return Math.min(this.#urgent.peek()?.expiresAt ?? Infinity, this.#patientExpiresAt);
  }

  /** The largest rank ever added since the queue was empty: where the queue ends. */
  get latestRank(): number {
    return this.size === 0 ? -Infinity : this.#latestRank;
  }

  add(entry: Entry): void {
    if (this.size === 0) this.#latestRank = -Infinity;
    entry.home = this;
    if (entry.rank > this.#latestRank) this.#latestRank = entry.rank;
    // Ranked by its expiry: the heap's first is also the first to expire.
    if (entry.rank === entry.expiresAt) this.#urgent.push(entry);
    else this.#patient.push(entry);
    if (entry.expiresAt < this.#patientExpiresAt && entry.rank !== entry.expiresAt) {
      this.#patientExpiresAt = entry.expiresAt;
    }
  }

  /** Puts back what was taken for a batch and did not fit. */
  restore(entry: Entry): void {
    entry.home = this;
    if (entry.rank === entry.expiresAt) this.#urgent.push(entry);
    else this.#patient.restore(entry, (other) => other.order < entry.order);
    if (entry.expiresAt < this.#patientExpiresAt) this.#patientExpiresAt = entry.expiresAt;
  }

  /** The entries whose time is up at `nowMs`; they stay inside until removed. */
  expired(nowMs: number): readonly Entry[] {
    const found: Entry[] = [];
    if (this.#patientExpiresAt <= nowMs) {
      this.#patientExpiresAt = Infinity;
      for (let entry = this.#patient.first; entry !== undefined; entry = entry.next) {
        if (entry.expiresAt <= nowMs) found.push(entry);
        else if (entry.expiresAt < this.#patientExpiresAt) this.#patientExpiresAt = entry.expiresAt;
      }
    }
    for (let entry = this.#urgent.pop(); entry !== undefined; entry = this.#urgent.pop()) {
      if (entry.expiresAt > nowMs) {
        this.#urgent.push(entry);
        break;
      }
      found.push(entry);
    }
    // Popped to get at the next; back inside, so that whoever asked removes them as any other.
    for (const entry of found) if (entry.rank === entry.expiresAt) this.#urgent.push(entry);
    return found;
  }

  remove(entry: Entry): void {
    entry.home = undefined;
    if (entry.heapIndex >= 0) this.#urgent.remove(entry);
    else this.#patient.remove(entry);
  }

  /**
   * Who is served next. `newestSince` turns order around for entries without a deadline (overload: the newest still has
   * somebody waiting), except for those queued before that moment, which have waited long enough.
   */
  head(newestSince: number | undefined): Entry | undefined {
    const urgent = this.#urgent.peek();
    let patient = this.#patient.first;
    if (newestSince !== undefined && patient !== undefined && patient.queuedAt > newestSince) {
      patient = this.#patient.last;
    }
    if (urgent === undefined) return patient;
    if (patient === undefined) return urgent;
    return urgent.rank <= patient.rank ? urgent : patient;
  }

  /** Whom to give up when something must go: without a deadline first, the newest (`oldestFirst`: the oldest) of them. */
  victim(oldestFirst: boolean): Entry | undefined {
    return (oldestFirst ? this.#patient.first : this.#patient.last) ?? this.#urgent.leaf();
  }
}
