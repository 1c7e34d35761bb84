import type { Logger } from '../inference/logger.ts';
import type { SplitTraffic, TrafficSplit } from '../inference/traffic-split.ts';
import type { Clock } from '../util/clock.ts';
import type { RolloutDelta } from './arm-delta.ts';
import { LiveRollout } from './live-rollout.ts';
import type { Place, Places, RolloutStore } from './rollout-store.ts';
import { isAhead, splitOf, weightsOf } from './split-of.ts';
import { changed, isOver, type HistoryEntry, type Phase, type RolloutState } from './state.ts';

export interface LedgerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly traffic: Pick<SplitTraffic, 'split'>;
  readonly store: RolloutStore;
}

/** Three looks of the replica that looks last. */
const growDelayMs = 1000;

/** All rollouts, as they are kept and as requests follow them. Whoever calls sees to it that calls do not overlap. */
export class Ledger implements Disposable {
  readonly #options: LedgerOptions;
  readonly #live = new Map<string, LiveRollout>();
  /** Until replicas give a candidate more at the same moment. */
  #growth: Disposable | undefined = undefined;
  #ended = false;
  /** What was told last: where no rollout is left that could be told. */
  #heard: Place | undefined = undefined;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#live.size;
  }

  all(): readonly LiveRollout[] {
    return [...this.#live.values()];
  }

  get(model: string): LiveRollout | undefined {
    return this.#live.get(model);
  }

  /** Takes over what is in the store. @throws ServingError when it cannot be read. */
  async load(): Promise<void> {
    await this.#takeOver(await this.#options.store.load());
  }

  /** Takes over what was changed elsewhere. */
  async follow(): Promise<void> {
    const elsewhere = await this.#options.store.changes();
    if (elsewhere !== undefined) await this.#takeOver(elsewhere);
  }

  /** @returns false when somebody else has begun another one meanwhile. */
  async begin(state: RolloutState): Promise<boolean> {
    const { model } = state.plan;
    const earlier = this.#live.get(model)?.state.revision ?? -1;
    if (!(await this.#options.store.save({ ...state, revision: earlier + 1 }, earlier))) return false;
    this.#live.set(model, new LiveRollout({ ...state, revision: earlier + 1 }));
    await this.#publish();
    return true;
  }

  async remove(model: string): Promise<void> {
    await this.#options.store.remove(model);
    this.#live.delete(model);
    await this.#publish();
  }

  /**
   * Changes a rollout, for all replicas at once where a candidate gets more. Requests leave a candidate before that is kept: a harmful
   * version must not wait for a disk.
   *
   * @param entry for the history; undefined for what happens all the time.
   * @returns false when it was changed elsewhere meanwhile.
   * @throws ServingError when it cannot be kept; then nothing has changed, but that a candidate was left.
   */
  async change(
    live: LiveRollout,
    change: Partial<RolloutState>,
    entry: HistoryEntry | undefined,
  ): Promise<boolean> {
    const { store, clock, logger } = this.#options;
    const before = live.state;
    const now = clock.epochMs();
    const next = changed({ ...live.kept(), until: undefined }, change, entry);
    const had = weightsOf(before, now);
    const isLeaving = leaves(before, next);
    const delayed = store.shared && !isLeaving && moves(had, next, now);
    live.state = delayed ? { ...next, until: { epochMs: now + growDelayMs, weights: had } } : next;
    live.dirty = false;
    if (isLeaving) await this.#publish();
    try {
      if (!(await store.save(live.state, before.revision))) {
        // What is kept may have the same revision as what is not.
        live.state = before;
        await this.load();
        return false;
      }
      live.isKept();
    } catch (error) {
      // What it has taken in is not kept, and so must not be forgotten by those who told it.
      live.dirty = true;
      if (isLeaving) live.unkept = before.revision;
      else live.state = before;
      throw error;
    } finally {
      await this.#publish();
    }
    if (entry === undefined) return true;
    const { model, name } = live.state.plan;
    const level = change.phase === 'rolled_back' ? 'warn' : 'info';
    logger[level]({ model, rollout: name, who: entry.who, why: entry.why }, `rollout ${entry.what}`);
    return true;
  }

  /** Keeps what could not be kept when it happened. */
  async keepLate(live: LiveRollout): Promise<void> {
    if (live.unkept === undefined) return;
    if (!(await this.#options.store.save(live.state, live.unkept))) return;
    live.unkept = undefined;
    live.isKept();
  }

  /** Tells all replicas what was counted here, and has whoever decides hear what was told. @returns whether that is this replica. */
  async exchange(deltas: readonly RolloutDelta[]): Promise<boolean> {
    const exchanged = await this.#options.store.exchange(deltas, this.#places());
    const { leading, log, told } = exchanged;
    if (!leading) return false;
    const last = told.at(-1);
    if (last !== undefined) this.#heard = { log, at: last.at };
    const epochMs = this.#options.clock.epochMs();
    for (const live of this.#live.values()) if (!isOver(live.state.phase)) live.hear(exchanged, epochMs);
    return true;
  }

  /** Keeps evidence that no change came with. */
  async keep(): Promise<void> {
    for (const live of this.#live.values()) {
      if (!live.dirty || isOver(live.state.phase)) continue;
      const { revision } = live.state;
      const kept = { ...live.kept(), revision: revision + 1 };
      if (!(await this.#options.store.save(kept, revision))) continue;
      live.state = kept;
      live.dirty = false;
      live.isKept();
    }
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    this.#growth?.[Symbol.dispose]();
  }

  /** The least of all rollouts that are not over. */
  #places(): Places {
    const all = this.all().filter(({ state }) => !isOver(state.phase));
    if (all.length === 0) return { heard: this.#heard, kept: this.#heard };
    const places = all.map((live) => live.places());
    return {
      heard: earliest(places.map(({ heard }) => heard)),
      kept: earliest(places.map(({ kept }) => kept)),
    };
  }

  /** What is newer elsewhere replaces what is here. */
  async #takeOver(states: readonly RolloutState[]): Promise<void> {
    const models = new Set(states.map(({ plan }) => plan.model));
    for (const model of this.#live.keys()) if (!models.has(model)) this.#live.delete(model);
    for (const state of states) {
      const live = this.#live.get(state.plan.model);
      const own = live?.state;
      const isSame = own?.plan.name === state.plan.name;
      // What is there is what a candidate was left for: it is to be replaced, and gives nobody back.
      if (isSame && live?.unkept === state.revision) continue;
      if (own === undefined || own.revision !== state.revision || !isSame) {
        this.#live.set(state.plan.model, new LiveRollout(state));
      }
    }
    await this.#publish();
  }

  #publish(): Promise<void> {
    const { clock, traffic } = this.#options;
    const now = clock.epochMs();
    const splits = new Map<string, TrafficSplit>();
    let next = Infinity;
    for (const { state } of this.#live.values()) {
      splits.set(state.plan.model, splitOf(state, now));
      const at = state.until?.epochMs ?? 0;
      if (isAhead(at, now)) next = Math.min(next, at);
    }
    this.#growth?.[Symbol.dispose]();
    const isLast = next === Infinity || this.#ended;
    this.#growth = isLast ? undefined : clock.after(next - now, () => this.#grow());
    return traffic.split(splits);
  }

  #grow(): void {
    this.#publish().catch((error: unknown) => {
      // Threads that do not know yet are told with whatever is published next.
      this.#options.logger.error({ error }, 'not all threads have been told of the new shares of a rollout');
    });
  }
}

/** Where places are of different logs, all is needed. */
function earliest(places: readonly (Place | undefined)[]): Place | undefined {
  const [first] = places;
  if (first === undefined || places.some((place) => place?.log !== first.log)) return undefined;
  return { log: first.log, at: Math.min(...places.map((place) => place?.at ?? 0)) };
}

/** Whether users come to another version: others learn of it in time, and nobody's arm depends on whom he asks. */
function moves(had: readonly number[], next: RolloutState, now: number): boolean {
  // Shares of a bandit move in all directions, the stable version's too.
  const first = next.bandit === undefined ? 1 : 0;
  return weightsOf(next, now).some((weight, arm) => arm >= first && weight > (had[arm] ?? 0));
}

/** Whether requests leave a version that is harmful, or that somebody does not want. */
function leaves(before: RolloutState, next: RolloutState): boolean {
  if (isHarmful(next.phase)) return true;
  return (next.bandit?.dropped.length ?? 0) > (before.bandit?.dropped.length ?? 0);
}

function isHarmful(phase: Phase): boolean {
  return phase === 'rolled_back' || phase === 'aborted';
}
