import { isDeepStrictEqual } from 'node:util';
import { ServingError } from '../errors.ts';
import type { Logger } from '../inference/logger.ts';
import type {
  ChangeReason,
  MetricValues,
  RolloutAction,
  RolloutAdmin,
  RolloutReport,
} from '../inference/rollout-admin.ts';
import type { SplitTraffic, TrafficSplit } from '../inference/traffic-split.ts';
import type { Clock } from '../util/clock.ts';
import type { RolloutDelta } from './arm-delta.ts';
import { ArmWatch } from './arm-watch.ts';
import { decide, type Decision } from './decide.ts';
import { Guards } from './guards.ts';
import type { RolloutPlan } from './plan.ts';
import { readPlanText } from './read-plan.ts';
import { alreadyRuns, changedMeanwhile, noRollout, notInPhase, notRunnable, notStarted } from './refusals.ts';
import type { RolloutStore } from './rollout-store.ts';
import { candidateWeight, splitOf } from './split-of.ts';
import { changed, isOver, newState, type HistoryEntry, type Phase, type RolloutState } from './state.ts';
import { reportOf } from './report.ts';

/** What the controller asks of the models. */
export interface RolloutModels {
  ready(model: string, version: string): boolean;
  /** Why the candidate cannot take the stable version's requests; '' when it can, or is not ready yet. */
  mismatch(model: string, stable: string, candidate: string): string;
}

export interface RolloutControllerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly traffic: SplitTraffic;
  readonly models: RolloutModels;
  /** Owned from here on. */
  readonly store: RolloutStore;
  /** Between two looks: what a harmful candidate is left alone for, at most. */
  readonly intervalMs?: number;
}

const usualIntervalMs = 300;

/** Three looks of the replica that looks last. */
const growDelayMs = 1000;

/** Evidence that is lost with the process at worst. */
const keepEveryMs = 5000;

/** Who decides what nobody asked for. */
const itself = 'controller';

interface Live {
  state: RolloutState;
  readonly guards: Guards;
  hold: string;
  /** Evidence came since it was last kept. */
  dirty: boolean;
  /** The revision that is kept of it, where the newest could not be. */
  unkept: number | undefined;
}

/** Brings new versions to their users, and back. One at work for each store; its decisions are pure (`decide.ts`). */
export class RolloutController implements RolloutAdmin, AsyncDisposable {
  readonly #options: RolloutControllerOptions;
  readonly #live = new Map<string, Live>();
  readonly #watch = new ArmWatch();
  #timer: Disposable | undefined = undefined;
  /** Until replicas give a candidate more at the same moment. */
  #growth: Disposable | undefined = undefined;
  #ticking: Promise<void> = Promise.resolve();
  /** Everything that changes states waits for what does so already. */
  #changing: Promise<unknown> = Promise.resolve();
  #tickedAt = 0;
  #keptAt = 0;
  #failing = false;
  #stopped = false;

  constructor(options: RolloutControllerOptions) {
    this.#options = options;
  }

  /** Takes up what was there, before any model serves. @throws ServingError when the store cannot be read. */
  async restore(): Promise<void> {
    const { store } = this.#options;
    this.#take(await store.load());
    await this.#publish();
    this.#wake();
  }

  /** In no order. */
  reports(): readonly RolloutReport[] {
    return Array.from(this.#live.values(), ({ state, guards, hold }) =>
      reportOf(state, guards.findings(), hold, this.#options.clock.epochMs()),
    );
  }

  /** @throws ServingError not_found */
  report(model: string): RolloutReport {
    const { state, guards, hold } = this.#find(model);
    return reportOf(state, guards.findings(), hold, this.#options.clock.epochMs());
  }

  start(text: string, reason: ChangeReason): Promise<RolloutReport> {
    const plan = readPlanText(text);
    return this.#exclusive(async () => {
      await this.#follow();
      const { models } = this.#options;
      const before = this.#live.get(plan.model);
      if (before !== undefined && !isOver(before.state.phase)) throw alreadyRuns(plan.model);
      if (!models.ready(plan.model, plan.stable)) throw notRunnable(plan);
      const mismatch = models.mismatch(plan.model, plan.stable, plan.candidate);
      if (mismatch !== '') throw notStarted(mismatch);
      await this.#begin(plan, reason);
      return this.report(plan.model);
    });
  }

  /**
   * Has a rollout for each plan, before its versions are ready: the stable one serves until then. One that has begun by the same plan
   * goes on as it is, and one by another plan gives way.
   */
  declare(plans: readonly RolloutPlan[]): Promise<void> {
    return this.#exclusive(async () => {
      for (const plan of plans) {
        const before = this.#live.get(plan.model)?.state.plan;
        if (before !== undefined && isDeepStrictEqual(before.document, plan.document)) continue;
        try {
          await this.#begin(plan, { who: 'file', why: 'declared in the file of --rollouts' });
        } catch (error) {
          if (!(error instanceof ServingError) || error.reason !== 'ROLLOUT_CHANGED') throw error;
          // Another replica, with the same file, was faster.
          this.#take(await this.#options.store.load());
          await this.#publish();
        }
      }
    });
  }

  async change(
    model: string,
    action: RolloutAction,
    reason: ChangeReason,
  ): Promise<RolloutReport | undefined> {
    return this.#exclusive(async () => {
      await this.#follow();
      const live = this.#find(model);
      const { phase, plan } = live.state;
      if (action === 'forget') {
        if (!isOver(phase)) throw notInPhase(model, phase, 'forgotten');
        await this.#options.store.remove(model);
        this.#live.delete(model);
        await this.#publish();
        return undefined;
      }
      const { from, to, word } = actions[action];
      const allowed: readonly Phase[] = from;
      if (!allowed.includes(phase)) throw notInPhase(model, phase, word);
      // There must be something to go back to.
      if (phase === 'promoted' && !this.#options.models.ready(model, plan.stable)) throw notRunnable(plan);
      const entry = this.#entry(reason.who, word, reason.why);
      if (!(await this.#change(live, { phase: to }, entry))) throw changedMeanwhile(model);
      return this.report(model);
    });
  }

  /** @returns whether a running rollout of the model has a guard on the metric. */
  observeMetric(model: string, metric: string, arm: string, values: MetricValues): boolean {
    const live = this.#live.get(model);
    if (live === undefined || !isWatched(live.state.phase)) return false;
    const { labels } = live.state.plan;
    if (arm !== labels.candidate && arm !== labels.stable) return false;
    live.dirty = true;
    const side = arm === labels.candidate ? 'candidate' : 'baseline';
    return live.guards.observeMetric(metric, side, values.sum, values.count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.[Symbol.dispose]();
    this.#growth?.[Symbol.dispose]();
    await this.#ticking;
    await this.#exclusive(() => this.#keep()).catch(() => undefined);
    await this.#options.store[Symbol.asyncDispose]();
  }

  #wake(): void {
    const now = this.#options.clock.now();
    this.#tickedAt = now;
    this.#keptAt = now;
    this.#next();
  }

  #next(): void {
    if (this.#stopped) return;
    const { clock, store, intervalMs = usualIntervalMs } = this.#options;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    // Most servers have no rollout, and wake up for none.
    if (this.#live.size === 0 && !store.shared) return;
    this.#timer = clock.after(intervalMs, () => {
      this.#ticking = this.#look().then(() => this.#next());
    });
  }

  /** Never rejects: what goes wrong is logged, and tried again at the next look. */
  async #look(): Promise<void> {
    try {
      await this.#exclusive(() => this.#tick());
      this.#failing = false;
    } catch (error) {
      // Said once: the next look may be a third of a second away.
      if (!this.#failing)
        this.#options.logger.error({ error }, 'rollouts cannot go on, and stay as they are');
      this.#failing = true;
    }
  }

  async #tick(): Promise<void> {
    const { clock, store, traffic, intervalMs = usualIntervalMs } = this.#options;
    const now = clock.now();
    // A process that stood still has not watched meanwhile.
    const elapsedMs = Math.min(now - this.#tickedAt, 5 * intervalMs);
    this.#tickedAt = now;
    await this.#follow();
    if (this.#live.size === 0) return;
    const own = this.#watch.deltas(await traffic.readArms(), this.#states());
    const { leading, deltas } = await store.exchange(own);
    if (!leading) return;
    for (const live of this.#live.values()) {
      if (live.unkept !== undefined && (await store.save(live.state, live.unkept))) live.unkept = undefined;
      if (isOver(live.state.phase)) continue;
      await this.#advance(
        live,
        deltas.filter(({ model }) => model === live.state.plan.model),
        elapsedMs,
      );
    }
    if (now - this.#keptAt >= keepEveryMs) await this.#keep();
  }

  /** What was changed elsewhere. */
  async #follow(): Promise<void> {
    const elsewhere = await this.#options.store.changes();
    if (elsewhere === undefined) return;
    this.#take(elsewhere);
    await this.#publish();
  }

  async #advance(live: Live, deltas: readonly RolloutDelta[], elapsedMs: number): Promise<void> {
    const { models } = this.#options;
    let broken = 0;
    for (const delta of deltas) broken += this.#digest(live, delta);
    const { model, candidate } = live.state.plan;
    const candidateReady = models.ready(model, candidate);
    if (live.state.phase === 'running' && candidateReady) {
      live.state = { ...live.state, stepMs: live.state.stepMs + elapsedMs };
      live.dirty = true;
    }
    if (live.state.phase === 'waiting' && candidateReady) {
      const mismatch = models.mismatch(model, live.state.plan.stable, candidate);
      if (mismatch !== '') return this.#apply(live, { kind: 'roll_back', why: mismatch });
    }
    const decision = decide(live.state, { findings: live.guards.findings(), candidateReady, broken });
    await this.#apply(live, decision);
  }

  /** Only what is seen while it is on counts. @returns requests that its breaker refused. */
  #digest(live: Live, { experiment, stable, candidate }: RolloutDelta): number {
    const { state } = live;
    if (!isWatched(state.phase) || experiment !== state.plan.name) return 0;
    if (stable.requests + candidate.requests > 0) live.dirty = true;
    live.guards.observe(stable, candidate);
    live.state = {
      ...state,
      stepCandidate: state.stepCandidate + candidate.requests,
      stepStable: state.stepStable + stable.requests,
      candidateRequests: state.candidateRequests + candidate.requests,
      stableRequests: state.stableRequests + stable.requests,
    };
    return candidate.broken;
  }

  async #apply(live: Live, decision: Decision): Promise<void> {
    live.hold = decision.kind === 'hold' ? decision.why : '';
    if (decision.kind === 'hold') return;
    const { state } = live;
    const what = words[decision.kind];
    const end =
      state.plan.strategy === 'canary' || state.plan.strategy === 'blue-green' ? 'promoted' : 'finished';
    const change: Partial<RolloutState> =
      decision.kind === 'roll_back'
        ? { phase: 'rolled_back' }
        : decision.kind === 'complete'
          ? { phase: end }
          : { phase: 'running', step: decision.kind === 'advance' ? decision.step : 0, ...newStep };
    await this.#change(live, change, this.#entry(itself, what, decision.why));
  }

  async #begin(plan: RolloutPlan, { who, why }: ChangeReason): Promise<void> {
    const earlier = this.#live.get(plan.model)?.state.revision ?? -1;
    const state = newState(plan, earlier + 1, this.#entry(who, 'started', why));
    if (!(await this.#options.store.save(state, earlier))) throw changedMeanwhile(plan.model);
    this.#adopt(state);
    await this.#publish();
    if (this.#timer === undefined) this.#wake();
  }

  /** Requests follow before it is kept: a harmful version must not wait for a disk. */
  async #change(live: Live, change: Partial<RolloutState>, entry: HistoryEntry): Promise<boolean> {
    const { store, logger } = this.#options;
    const before = live.state;
    const now = this.#options.clock.epochMs();
    const next = changed({ ...before, guards: live.guards.state(), until: undefined }, change, entry);
    const [had, gets] = [candidateWeight(before, now), candidateWeight(next, now)];
    // Others learn of it in time, and nobody's arm depends on whom he asks.
    const delayed = store.shared && gets > had;
    live.state = delayed ? { ...next, until: { epochMs: now + growDelayMs, weight: had } } : next;
    live.dirty = false;
    if (isHarmful(change.phase)) await this.#publish();
    try {
      if (!(await store.save(live.state, before.revision))) {
        this.#take(await store.load());
        return false;
      }
    } catch (error) {
      if (isHarmful(change.phase)) live.unkept = before.revision;
      else live.state = before;
      throw error;
    } finally {
      await this.#publish();
    }
    const { model, name } = live.state.plan;
    const level = change.phase === 'rolled_back' ? 'warn' : 'info';
    logger[level]({ model, rollout: name, who: entry.who, why: entry.why }, `rollout ${entry.what}`);
    return true;
  }

  /** Keeps evidence that no change came with. */
  async #keep(): Promise<void> {
    this.#keptAt = this.#options.clock.now();
    for (const live of this.#live.values()) {
      if (!live.dirty || isOver(live.state.phase)) continue;
      const { state } = live;
      live.state = { ...state, revision: state.revision + 1, guards: live.guards.state() };
      if (!(await this.#options.store.save(live.state, state.revision))) live.state = state;
      else live.dirty = false;
    }
  }

  /** What is newer elsewhere replaces what is here. */
  #take(states: readonly RolloutState[]): void {
    const models = new Set(states.map(({ plan }) => plan.model));
    for (const model of this.#live.keys()) if (!models.has(model)) this.#live.delete(model);
    for (const state of states) {
      const own = this.#live.get(state.plan.model)?.state;
      if (own === undefined || own.revision !== state.revision || own.plan.name !== state.plan.name)
        this.#adopt(state);
    }
  }

  #adopt(state: RolloutState): void {
    const guards = new Guards(state.plan, state.guards);
    this.#live.set(state.plan.model, { state, guards, hold: '', dirty: false, unkept: undefined });
  }

  #states(): readonly RolloutState[] {
    return Array.from(this.#live.values(), ({ state }) => state);
  }

  #publish(): Promise<void> {
    const { clock, traffic } = this.#options;
    const now = clock.epochMs();
    const splits = new Map<string, TrafficSplit>();
    let next = Infinity;
    for (const { state } of this.#live.values()) {
      splits.set(state.plan.model, splitOf(state, now));
      const at = state.until?.epochMs ?? 0;
      if (at > now) next = Math.min(next, at);
    }
    this.#growth?.[Symbol.dispose]();
    this.#growth = next === Infinity ? undefined : clock.after(next - now, () => void this.#publish());
    return traffic.split(splits);
  }

  #find(model: string): Live {
    const live = this.#live.get(model);
    if (live === undefined) throw noRollout(model);
    return live;
  }

  #entry(who: string, what: string, why: string): HistoryEntry {
    return { atEpochMs: this.#options.clock.epochMs(), who, what, why };
  }

  #exclusive<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#changing.then(run);
    this.#changing = result.catch(() => undefined);
    return result;
  }
}

interface ActionRule {
  readonly from: readonly Phase[];
  readonly to: Phase;
  readonly word: string;
}

const actions = {
  pause: { from: ['running'], to: 'paused', word: 'paused' },
  resume: { from: ['paused'], to: 'running', word: 'resumed' },
  /** The candidate serves everybody, whatever the guards say. */
  promote: { from: ['running', 'paused', 'finished'], to: 'promoted', word: 'promoted' },
  /** The stable version serves everybody; also after a promotion, as long as it is loaded. */
  abort: { from: ['waiting', 'running', 'paused', 'promoted'], to: 'aborted', word: 'aborted' },
} as const satisfies Record<Exclude<RolloutAction, 'forget'>, ActionRule>;

/** A pause holds the next step back, not the guards. */
function isWatched(phase: Phase): boolean {
  return phase === 'running' || phase === 'paused';
}

const newStep = { stepMs: 0, stepCandidate: 0, stepStable: 0 } as const;

const words = {
  begin: 'began',
  advance: 'advanced',
  complete: 'completed',
  roll_back: 'rolled back',
} as const;

/** Leaving a candidate is never put off. */
function isHarmful(phase: Phase | undefined): boolean {
  return phase === 'rolled_back' || phase === 'aborted';
}
