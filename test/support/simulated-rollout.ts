import { noDelta, type ArmDelta } from '../../src/rollouts/arm-delta.ts';
import { decide } from '../../src/rollouts/decide.ts';
import { Guards } from '../../src/rollouts/guards.ts';
import type { RolloutPlan } from '../../src/rollouts/plan.ts';
import { newState, type RolloutState } from '../../src/rollouts/state.ts';
import { logBucketCount, logBucketOf } from '../../src/util/log-buckets.ts';
import { seededRandom } from './seeded-random.ts';

/** What a simulated version does with a request. */
export interface SimulatedVersion {
  readonly errorRate: number;
  /** Of answers that are ten times as slow. */
  readonly slowRate: number;
  readonly invalidRate: number;
}

export const goodVersion: SimulatedVersion = { errorRate: 0.01, slowRate: 0, invalidRate: 0 };

export interface SimulatedOutcome {
  readonly end: 'roll_back' | 'complete' | 'still running';
  readonly why: string;
  readonly candidateRequests: number;
}

interface Simulation {
  readonly plan: RolloutPlan;
  readonly stable: SimulatedVersion;
  readonly candidate: SimulatedVersion;
  readonly seed: number;
  readonly requestsPerTick?: number;
  readonly tickMs?: number;
  readonly mostTicks?: number;
}

/** Runs a rollout's guards and decisions on requests that are drawn, without a server. */
export function simulateRollout(simulation: Simulation): SimulatedOutcome {
  const {
    plan,
    stable,
    candidate,
    seed,
    requestsPerTick = 200,
    tickMs = 1000,
    mostTicks = 20_000,
  } = simulation;
  const random = seededRandom(seed);
  const guards = new Guards(plan);
  let state: RolloutState = {
    ...newState(plan, 0, { atEpochMs: 0, who: 't', what: 'started', why: '' }),
    phase: 'running',
  };
  for (let tick = 0; tick < mostTicks; tick++) {
    const weight = (plan.steps[state.step]?.weight ?? 0) / 10_000;
    let forCandidate = 0;
    for (let request = 0; request < requestsPerTick; request++) if (random() < weight) forCandidate += 1;
    const stableDelta = draw(requestsPerTick - forCandidate, stable, random);
    const candidateDelta = draw(forCandidate, candidate, random);
    guards.observe(stableDelta, candidateDelta);
    state = {
      ...state,
      stepMs: state.stepMs + tickMs,
      stepCandidate: state.stepCandidate + forCandidate,
      stepStable: state.stepStable + requestsPerTick - forCandidate,
      candidateRequests: state.candidateRequests + forCandidate,
    };
    const decision = decide(state, { findings: guards.findings(), candidateReady: true, broken: 0 });
    const { candidateRequests } = state;
    if (decision.kind === 'roll_back' || decision.kind === 'complete') {
      return { end: decision.kind, why: decision.why, candidateRequests };
    }
    if (decision.kind === 'advance') {
      state = { ...state, step: decision.step, stepMs: 0, stepCandidate: 0, stepStable: 0 };
    }
  }
  return { end: 'still running', why: '', candidateRequests: state.candidateRequests };
}

function draw(count: number, version: SimulatedVersion, random: () => number): ArmDelta {
  if (count === 0) return noDelta;
  const durations = Array.from({ length: logBucketCount }, () => 0);
  let failures = 0;
  let invalid = 0;
  for (let request = 0; request < count; request++) {
    if (random() < version.errorRate) {
      failures += 1;
      continue;
    }
    if (random() < version.invalidRate) invalid += 1;
    // Log-normal around 5 ms, as services are.
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const ms = 5 * Math.exp(0.5 * normal) * (random() < version.slowRate ? 10 : 1);
    const bucket = logBucketOf(ms);
    durations[bucket] = (durations[bucket] ?? 0) + 1;
  }
  return { ...noDelta, requests: count, failures, invalid, durations };
}
