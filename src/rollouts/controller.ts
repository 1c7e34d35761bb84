import { isDeepStrictEqual } from 'node:util';
import { ServingError } from '../errors.ts';
import {
  accuracyMetric,
  type LabelTotal,
  type MetricCounts,
  type MetricReport,
} from '../inference/arm-metrics.ts';
import type { Logger } from '../inference/logger.ts';
import type { ChangeReason, RolloutAction, RolloutAdmin, RolloutReport } from '../inference/rollout-admin.ts';
import type { SplitTraffic } from '../inference/traffic-split.ts';
import type { Clock } from '../util/clock.ts';
import { printable } from '../util/printable.ts';
import { ArmWatch } from './arm-watch.ts';
import { dropArm, leaderOf } from './bandit.ts';
import type { Decision } from './decide.ts';
import { Ledger } from './ledger.ts';
import type { LiveRollout } from './live-rollout.ts';
import type { RolloutPlan } from './plan.ts';
import { readPlanText } from './read-plan.ts';
import { alreadyRuns, changedMeanwhile, noRollout, notInPhase, notRunnable, notStarted } from './refusals.ts';
import type { RolloutStore } from './rollout-store.ts';
import { isOver, newState, type HistoryEntry, type Phase, type RolloutState } from './state.ts';

/** What the controller asks of the models. */
export interface RolloutModels {
  ready(model: string, version: string): boolean;
  /** Why the candidate cannot take the stable version's requests; '' when it can, or is not ready yet. */
  mismatch(model: string, stable: string, candidate: string): string;
  /** What labels have said of a version since it was loaded; undefined where nobody waits for them. */
  readonly labels: (model: string, version: string) => LabelTotal | undefined;
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

/** Evidence that is lost with the process at worst. */
const keepEveryMs = 5000;

/** How often somebody's change is tried who meets a replica that keeps evidence at the same moment. */
const mostTries = 5;

/** Who decides what nobody asked for. */
const itself = 'controller';

/** Brings new versions to their users, and back. One at work for each store; its decisions are pure (`decide.ts`). */
export class RolloutController implements RolloutAdmin, AsyncDisposable {
  readonly #options: RolloutControllerOptions;
  readonly #ledger: Ledger;
  readonly #watch = new ArmWatch();
  #timer: Disposable | undefined = undefined;
  #ticking: Promise<void> = Promise.resolve();
  /** Everything that changes states waits for what does so already. */
  #changing: Promise<unknown> = Promise.resolve();
  #tickedAt = 0;
  #keptAt = 0;
  #failing = false;
  #stopped = false;

  constructor(options: RolloutControllerOptions) {
    this.#options = options;
    this.#ledger = new Ledger(options);
  }

  /** Takes up what was there, before any model serves. @throws ServingError when the store cannot be read. */
  async restore(): Promise<void> {
    await this.#ledger.load();
    this.#wake();
  }

  /** In no order. */
  reports(): readonly RolloutReport[] {
    return this.#ledger.all().map((live) => live.report(this.#options.clock.epochMs()));
  }

  /** @throws ServingError not_found */
  report(model: string): RolloutReport {
    return this.#find(model).report(this.#options.clock.epochMs());
  }

  start(text: string, reason: ChangeReason): Promise<RolloutReport> {
    const plan = readPlanText(text);
    return this.#exclusive(async () => {
      await this.#ledger.follow();
      const { models } = this.#options;
      const before = this.#ledger.get(plan.model);
      if (before !== undefined && !isOver(before.state.phase)) throw alreadyRuns(plan.model);
      if (!models.ready(plan.model, plan.stable)) throw notRunnable(plan);
      const mismatch = this.#mismatch(plan);
      if (mismatch !== '') throw notStarted(mismatch);
      const asksForLabels = plan.metrics.some(({ name }) => name === accuracyMetric);
      if (asksForLabels && models.labels(plan.model, plan.stable) === undefined) {
        throw notStarted(
          `its metric accuracy is counted from labels, and version ${plan.stable} waits for none (monitoring.feedback in its model.yaml)`,
        );
      }
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
        const before = this.#ledger.get(plan.model)?.state.plan;
        if (before !== undefined && isDeepStrictEqual(before.document, plan.document)) continue;
        try {
          await this.#begin(plan, { who: 'file', why: 'declared in the file of --rollouts' });
        } catch (error) {
          if (!(error instanceof ServingError) || error.reason !== 'ROLLOUT_CHANGED') throw error;
          // Another replica, with the same file, was faster.
          await this.#ledger.load();
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
      await this.#ledger.follow();
      const { phase } = this.#find(model).state;
      if (action === 'forget') {
        if (!isOver(phase)) throw notInPhase(model, phase, 'forgotten');
        await this.#ledger.remove(model);
        return undefined;
      }
      for (let tries = 1; ; tries++) {
        const { state } = this.#find(model);
        if (await this.#carryOut(model, action, reason)) return this.report(model);
        // What was decided elsewhere is for whoever asks to look at; what was only counted there changes nothing for him.
        const history = this.#ledger.get(model)?.state.history;
        if (tries === mostTries || !isDeepStrictEqual(history, state.history)) throw changedMeanwhile(model);
      }
    });
  }

  /** @returns false when the rollout was changed elsewhere meanwhile. */
  #carryOut(model: string, action: Exclude<RolloutAction, 'forget'>, reason: ChangeReason): Promise<boolean> {
    const live = this.#find(model);
    const { phase, plan } = live.state;
    const { from, to, word } = actions[action];
    const allowed: readonly Phase[] = from;
    if (!allowed.includes(phase)) throw notInPhase(model, phase, word);
    // There must be something to go back to.
    if (phase === 'promoted' && !this.#options.models.ready(model, plan.stable)) throw notRunnable(plan);
    const winner = to === 'promoted' ? winnerOf(live.state) : live.state.winner;
    const entry = this.#entry(reason.who, word, reason.why);
    return this.#ledger.change(live, { phase: to, winner }, entry);
  }

  reportMetric(report: MetricReport): Promise<MetricCounts> {
    return this.#options.traffic.report(report);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#timer?.[Symbol.dispose]();
    this.#ledger[Symbol.dispose]();
    await this.#ticking;
    await this.#exclusive(() => this.#ledger.keep()).catch(() => undefined);
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
    if (this.#ledger.size === 0 && !store.shared) return;
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
    const { clock, traffic, models, intervalMs = usualIntervalMs } = this.#options;
    const now = clock.now();
    // A process that stood still has not watched meanwhile.
    const elapsedMs = Math.min(now - this.#tickedAt, 5 * intervalMs);
    this.#tickedAt = now;
    await this.#ledger.follow();
    if (this.#ledger.size === 0) return;
    const states = this.#ledger.all().map(({ state }) => state);
    const own = this.#watch.deltas(await traffic.readArms(), states, models.labels);
    if (!(await this.#ledger.exchange(own))) return;
    for (const live of this.#ledger.all()) {
      await this.#ledger.keepLate(live);
      if (!isOver(live.state.phase)) await this.#advance(live, elapsedMs);
    }
    if (now - this.#keptAt < keepEveryMs) return;
    this.#keptAt = now;
    await this.#ledger.keep();
  }

  async #advance(live: LiveRollout, elapsedMs: number): Promise<void> {
    const { models, clock } = this.#options;
    const epochMs = clock.epochMs();
    const { plan, phase } = live.state;
    const ready = plan.arms.map(({ version }) => models.ready(plan.model, version));
    if (ready.includes(true, 1)) live.pass(elapsedMs, epochMs);
    const mismatch = phase === 'waiting' ? this.#mismatch(plan) : '';
    if (mismatch !== '') return this.#apply(live, { kind: 'roll_back', why: mismatch });
    await this.#apply(live, live.decide(ready));
    const reweighed = live.reweighed(ready, epochMs);
    if (reweighed !== undefined) await this.#ledger.change(live, { bandit: reweighed.bandit }, undefined);
  }

  async #apply(live: LiveRollout, decision: Decision): Promise<void> {
    live.hold = decision.kind === 'hold' ? decision.why : '';
    if (decision.kind === 'hold') return;
    const entry = this.#entry(itself, words[decision.kind], decision.why);
    await this.#ledger.change(live, changeOf(live.kept(), decision), entry);
  }

  async #begin(plan: RolloutPlan, { who, why }: ChangeReason): Promise<void> {
    const state = newState(plan, 0, this.#entry(who, 'started', why));
    if (!(await this.#ledger.begin(state))) throw changedMeanwhile(plan.model);
    if (this.#timer === undefined) this.#wake();
  }

  /** '' where all candidates that are ready can take the stable version's requests. */
  #mismatch({ model, stable, arms }: RolloutPlan): string {
    for (const { version } of arms.slice(1)) {
      const mismatch = this.#options.models.mismatch(model, stable, version);
      if (mismatch !== '') return mismatch;
    }
    return '';
  }

  #find(model: string): LiveRollout {
    const live = this.#ledger.get(model);
    if (live === undefined) throw noRollout(model);
    return live;
  }

  #entry(who: string, what: string, why: string): HistoryEntry {
    return { atEpochMs: this.#options.clock.epochMs(), who, what, why: printable(why, 600) };
  }

  #exclusive<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#changing.then(run);
    this.#changing = result.catch(() => undefined);
    return result;
  }
}

function changeOf(state: RolloutState, decision: Exclude<Decision, { kind: 'hold' }>): Partial<RolloutState> {
  const { strategy } = state.plan;
  if (decision.kind === 'roll_back') return { phase: 'rolled_back' };
  if (decision.kind === 'promote') return { phase: 'promoted', winner: winnerOf(state) };
  if (decision.kind === 'complete') {
    return { phase: strategy === 'canary' || strategy === 'blue-green' ? 'promoted' : 'finished' };
  }
  if (decision.kind === 'drop') {
    const { bandit, plan } = state;
    return { bandit: bandit && dropArm(bandit, plan.arms, decision.label) };
  }
  return { phase: 'running', step: decision.kind === 'advance' ? decision.step : 0, ...newStep };
}

/** Of several candidates that which has most of the traffic. */
function winnerOf({ bandit, winner }: RolloutState): number {
  return bandit === undefined ? winner : leaderOf(bandit);
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

const newStep = { stepMs: 0, stepCandidate: 0, stepStable: 0 } as const;

const words = {
  begin: 'began',
  advance: 'advanced',
  complete: 'completed',
  promote: 'promoted',
  drop: 'dropped',
  roll_back: 'rolled back',
} as const;
