import type { RolloutReport } from '../inference/rollout-admin.ts';
import { lookAt, observeTrial } from './ab-trial.ts';
import { noDelta, isNews, type RolloutDelta } from './arm-delta.ts';
import { earn, isDue, reweigh } from './bandit.ts';
import { decide, decideBandit, type Decision } from './decide.ts';
import { rewardsOf } from './goal.ts';
import { Guards, type GuardFinding } from './guards.ts';
import { reportOf } from './report.ts';
import type { Exchanged, Place, Places } from './rollout-store.ts';
import { isAhead } from './split-of.ts';
import { isWatched, type RolloutState } from './state.ts';

/** A rollout and the tests that watch it. Decides nothing by itself, and touches nothing outside. */
export class LiveRollout {
  state: RolloutState;
  /** What is waited for. */
  hold = '';
  /** Evidence came since it was last kept. */
  dirty = false;
  /** The revision that is kept of it, where the newest could not be. */
  unkept: number | undefined = undefined;
  /** Up to where what replicas told is part of what is kept. */
  #keptPlace: Place | undefined;
  /** One for each candidate. */
  readonly #guards: readonly Guards[];
  /** Requests that breakers refused since the last decision, by arm. */
  #broken: readonly number[];

  constructor(state: RolloutState) {
    const { plan, guards, bandit } = state;
    this.state = state;
    this.#keptPlace = state.heard;
    this.#broken = plan.arms.map(() => 0);
    this.#guards = plan.arms
      .slice(1)
      .map((_, index) => new Guards(plan, bandit === undefined ? guards : bandit.guards[index], index + 1));
  }

  findings(): readonly GuardFinding[] {
    return this.#guards.flatMap((guards) => guards.findings());
  }

  /** The state with all that its tests know. */
  kept(): RolloutState {
    const { state } = this;
    const guards = this.#guards.map((one) => one.state());
    if (state.bandit !== undefined) return { ...state, bandit: { ...state.bandit, guards } };
    return { ...state, guards: guards[0] ?? state.guards };
  }

  report(epochMs: number): RolloutReport {
    return reportOf({ state: this.state, findings: this.findings(), hold: this.hold, epochMs });
  }

  /** Its state is kept as it is. */
  isKept(): void {
    this.#keptPlace = this.state.heard;
  }

  /** What would be needed to come to where it is from what is kept of it: without news since, nothing. */
  places(): Places {
    const { heard } = this.state;
    return { heard, kept: this.dirty ? this.#keptPlace : heard };
  }

  /** Takes in what replicas have told, and nothing twice. */
  hear({ log, told }: Exchanged, epochMs: number): void {
    for (const { at, deltas } of told) {
      const { heard, plan } = this.state;
      if (log !== '' && heard?.log === log && heard.at >= at) continue;
      for (const delta of deltas) if (delta.model === plan.model) this.digest(delta, epochMs);
      if (log !== '') this.state = { ...this.state, heard: { log, at } };
    }
  }

  /** Takes in what was counted; only what is seen while it is on counts, and for a step what is seen at its share. */
  digest({ experiment, arms }: RolloutDelta, epochMs: number): void {
    const { state } = this;
    const { plan } = state;
    if (!isWatched(state.phase) || experiment !== plan.name || arms.length !== plan.arms.length) return;
    if (arms.some(isNews)) this.dirty = true;
    const [stable = noDelta, ...candidates] = arms;
    for (const [index, guards] of this.#guards.entries()) {
      guards.observe(stable, candidates[index] ?? noDelta);
    }
    this.#broken = this.#broken.map((broken, arm) => broken + (arms[arm]?.broken ?? 0));
    const requests = candidates.reduce((sum, arm) => sum + arm.requests, 0);
    const { trial, bandit } = state;
    const { goal, design } = plan;
    this.state = {
      ...state,
      stepCandidate: state.stepCandidate + (this.#isAt(epochMs) ? requests : 0),
      stepStable: state.stepStable + (this.#isAt(epochMs) ? stable.requests : 0),
      candidateRequests: state.candidateRequests + requests,
      stableRequests: state.stableRequests + stable.requests,
      trial:
        trial === undefined || goal === undefined || design === undefined || !this.#isAt(epochMs)
          ? trial
          : observeTrial(trial, { goal, design }, stable, candidates[0] ?? noDelta),
      bandit: bandit && {
        ...bandit,
        requests: bandit.requests.map((count, arm) => count + (arms[arm]?.requests ?? 0)),
      },
    };
    if (bandit !== undefined && goal !== undefined && this.state.bandit !== undefined) {
      const earned = arms.map((arm) => rewardsOf(goal, arm));
      this.state = { ...this.state, bandit: earn(this.state.bandit, earned, 0) };
    }
  }

  /** Time that has gone by while the candidate could serve, with the share that it should have. */
  pass(elapsedMs: number, epochMs: number): void {
    const { state } = this;
    if (state.phase !== 'running' || !this.#isAt(epochMs)) return;
    const stepMs = state.stepMs + elapsedMs;
    const { plan, trial, bandit } = state;
    const minMs = plan.steps[state.step]?.minMs ?? 0;
    this.dirty = true;
    this.state = {
      ...state,
      stepMs,
      trial: trial && plan.design && stepMs >= minMs ? lookAt(trial, plan.design) : trial,
      bandit: bandit && { ...bandit, sinceMs: bandit.sinceMs + elapsedMs },
    };
  }

  /** @param ready by arm, in the plan's order. */
  decide(ready: readonly boolean[]): Decision {
    const broken = this.#broken;
    this.#broken = broken.map(() => 0);
    const findings = this.findings();
    if (this.state.bandit !== undefined) return decideBandit(this.state, { findings, ready, broken });
    return decide(this.state, { findings, candidateReady: ready[1] === true, broken: broken[1] ?? 0 });
  }

  /** Whether requests are divided as the state says, and not until a moment that replicas agreed on as they were before. */
  #isAt(epochMs: number): boolean {
    const { until } = this.state;
    return until === undefined || !isAhead(until.epochMs, epochMs);
  }

  /** A bandit's state with new weights; undefined while those that it has hold. */
  reweighed(ready: readonly boolean[], atEpochMs: number): RolloutState | undefined {
    const state = this.kept();
    const { plan, phase, bandit } = state;
    if (bandit === undefined || plan.bandit === undefined || plan.goal === undefined) return undefined;
    if (phase !== 'running') return undefined;
    const { goal, salt, arms } = plan;
    const open = arms.map(({ label }, arm) => ready[arm] === true && !bandit.dropped.includes(label));
    const rules = { arms, goal, salt, bandit: plan.bandit };
    if (!isDue(bandit, rules, open)) return undefined;
    return { ...state, bandit: reweigh(bandit, rules, { open, atEpochMs }) };
  }
}
