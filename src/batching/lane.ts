import type { Tensor } from '../inference/tensor.ts';
import type { CostTable } from './cost-table.ts';
import type { Entry } from './entry.ts';
import { Level } from './level.ts';
import type { PrincipalAccount } from './principal-queue.ts';

/** A lane whose requests are padded. */
export interface LaneBucket {
  /** Largest sizes of its requests, one for each size that is padded. */
  readonly bounds: readonly number[];
  /** Lanes of one family differ in their bounds only: their requests may share a batch too. */
  readonly family: string;
  /** Rows of a batch that fit into memory once they are padded. */
  readonly mostRows: number;
}

/** Requests that may share a batch: one target, one signature or bucket. */
export class Lane {
  /** The inputs of one of its requests, to recognise others by. */
  readonly sample: readonly Tensor[];
  readonly costs: CostTable;
  /** undefined when its requests are not padded. */
  readonly bucket: LaneBucket | undefined;
  /** Ascending by number, with at least one entry each now or before. */
  readonly levels: Level[] = [];
  rows = 0;
  requests = 0;
  /** Estimated device time of what waits, in milliseconds; kept by the target queue. */
  workMs = 0;
  /** Rows of recent batches, smoothed: what a batch that is still open will probably grow to. */
  typicalRows = 1;
  /** Position in the list of lanes where something waits; -1 when nothing does. */
  activeIndex = -1;

  constructor(sample: readonly Tensor[], costs: CostTable, bucket: LaneBucket | undefined) {
    // Shapes and names only: a kept tensor would keep the message that it is a view of.
    this.sample = sample.map(({ name, datatype, shape }) => ({ name, datatype, shape, data: noData }));
    this.costs = costs;
    this.bucket = bucket;
  }

  add(entry: Entry, account: PrincipalAccount): void {
    const level = this.#level(entry.level);
    level.queueOf(account).add(entry);
    this.#count(level, account, 1, entry.rows);
  }

  /** Puts back what was taken and did not fit, where it was. */
  restore(entry: Entry, account: PrincipalAccount): void {
    const level = this.#level(entry.level);
    level.queueOf(account).restore(entry);
    this.#count(level, account, 1, entry.rows);
  }

  remove(entry: Entry): void {
    const home = entry.home;
    if (home === undefined) return;
    home.remove(entry);
    this.#count(home.level, home.account, -1, -entry.rows);
  }

  noteBatch(rows: number): void {
    this.typicalRows += typicalRowsWeight * (rows - this.typicalRows);
  }

  #count(level: Level, account: PrincipalAccount, requests: number, rows: number): void {
    level.requests += requests;
    level.rows += rows;
    this.requests += requests;
    this.rows += rows;
    account.queuedRows += rows;
  }

  #level(number: number): Level {
    for (const level of this.levels) if (level.number === number) return level;
    const level = new Level(this, number);
    this.levels.push(level);
    this.levels.sort((a, b) => a.number - b.number);
    return level;
  }
}

/** Follows a change of load within ten batches. */
const typicalRowsWeight = 0.2;

const noData = new Uint8Array(0);
