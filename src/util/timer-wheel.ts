import type { Clock } from './clock.ts';

/** Something that wants to be told when its time has come. The wheel owns the fields while it is scheduled. */
export interface WheelEntry {
  /** In the clock's milliseconds. */
  dueAt: number;
  nextDue: WheelEntry | undefined;
  previousDue: WheelEntry | undefined;
  /** -1 while not scheduled. */
  slot: number;
  onDue(): void;
}

const slotCount = 512;

/**
 * Timers for very many entries of which most are taken back: adding and removing cost a few stores, and one timer of the
 * clock serves all, running only while there are entries. An entry is told at most `tickMs` late, never early.
 */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #heads: (WheelEntry | undefined)[] = Array.from<WheelEntry | undefined>({ length: slotCount });
  #size = 0;
  /** The first tick that has not been looked at. */
  #tick = 0;
  #armedTick = Number.POSITIVE_INFINITY;
  #timer: Disposable | undefined = undefined;

  constructor(clock: Clock, tickMs: number) {
    this.#clock = clock;
    this.#tickMs = tickMs;
  }

  get size(): number {
    return this.#size;
  }

  add(entry: WheelEntry, dueAt: number): void {
    if (this.#size === 0) this.#tick = Math.floor(this.#clock.now() / this.#tickMs);
    const tick = Math.max(this.#tick, Math.ceil(dueAt / this.#tickMs));
    const slot = tick % slotCount;
    const head = this.#heads[slot];
    entry.dueAt = dueAt;
    entry.slot = slot;
    entry.nextDue = head;
    entry.previousDue = undefined;
    if (head !== undefined) head.previousDue = entry;
    this.#heads[slot] = entry;
    this.#size++;
    if (tick < this.#armedTick) this.#arm(tick);
  }

  /** Does nothing for an entry that is not scheduled. */
  remove(entry: WheelEntry): void {
    if (entry.slot < 0) return;
    const { nextDue, previousDue } = entry;
    if (previousDue === undefined) this.#heads[entry.slot] = nextDue;
    else previousDue.nextDue = nextDue;
    if (nextDue !== undefined) nextDue.previousDue = previousDue;
    entry.slot = -1;
    entry.nextDue = undefined;
    entry.previousDue = undefined;
    this.#size--;
  }

  /** Stops the timer; entries that are left are not told. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#armedTick = Number.POSITIVE_INFINITY;
  }

  #arm(tick: number): void {
    this.#timer?.[Symbol.dispose]();
    this.#armedTick = tick;
    const delayMs = Math.max(0, tick * this.#tickMs - this.#clock.now());
    this.#timer = this.#clock.after(delayMs, () => this.#advance());
  }

  #advance(): void {
    this.#timer = undefined;
    this.#armedTick = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    const until = Math.floor(now / this.#tickMs);
    for (let looked = 0; this.#tick <= until && looked < slotCount; looked++, this.#tick++) {
      this.#fire(this.#tick % slotCount, now);
    }
    this.#tick = Math.max(this.#tick, until + 1);
    if (this.#size > 0 && this.#timer === undefined) this.#arm(this.#nextOccupied());
  }

  #fire(slot: number, now: number): void {
    const due: WheelEntry[] = [];
    for (let entry = this.#heads[slot]; entry !== undefined; entry = entry.nextDue) {
      if (entry.dueAt <= now) due.push(entry);
    }
    for (const entry of due) {
      const isStillDue = entry.slot === slot && entry.dueAt <= now;
      if (!isStillDue) continue;
      this.remove(entry);
      entry.onDue();
    }
  }

  #nextOccupied(): number {
    for (let ahead = 0; ahead < slotCount; ahead++) {
      if (this.#heads[(this.#tick + ahead) % slotCount] !== undefined) return this.#tick + ahead;
    }
    return this.#tick + slotCount;
  }
}
