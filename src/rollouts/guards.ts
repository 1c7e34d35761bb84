import {
  TwoSampleTest,
  type Arm,
  type TwoSampleFinding,
  type TwoSampleQuestion,
} from '../statistics/two-sample-test.ts';
import type { ValueSums } from '../statistics/value-sums.ts';
import { countAboveBucket, logBucketAt, logBucketCount } from '../util/log-buckets.ts';
import type { ArmDelta } from './arm-delta.ts';
import { guardName, type GuardPlan, type RolloutPlan } from './plan.ts';

/** Answers of the baseline from which its quantiles are known well enough to compare with. */
const leastDurations = 200;

/** From here on older answers weigh half as much: the baseline is the one of today. */
const mostDurations = 100_000;

/** What one guard has found so far. */
export interface GuardFinding {
  readonly name: string;
  /** Of the candidate that is watched. */
  readonly label: string;
  readonly guard: GuardPlan;
  /** Harm is shown. */
  readonly refuted: boolean;
  readonly finding: TwoSampleFinding;
}

/** All of the guards that must outlive the process; JSON. */
export interface GuardsState {
  readonly tests: Readonly<Record<string, unknown>>;
  /** The baseline's durations, by bucket. */
  readonly durations: readonly number[];
}

interface Guard {
  readonly plan: GuardPlan;
  readonly name: string;
  readonly test: TwoSampleTest;
}

/** Watches both arms of a rollout by tests that may be looked at at any time. */
export class Guards {
  readonly #guards: readonly Guard[];
  #durations: number[] = Array.from({ length: logBucketCount }, () => 0);

  readonly #label: string;

  /** @param state of an earlier process; what of it is none is begun anew. @param candidate its index among the plan's arms. */
  constructor(
    { guards, alpha, arms }: Pick<RolloutPlan, 'guards' | 'alpha' | 'arms'>,
    state?: GuardsState,
    candidate = 1,
  ) {
    this.#label = arms[candidate]?.label ?? '';
    this.#guards = guards.map((plan) => {
      const name = guardName(plan);
      // All candidates of a bandit share the error.
      const question = questionOf(plan, alpha / guards.length / (arms.length - 1));
      return {
        plan,
        name,
        test: TwoSampleTest.restore(question, state?.tests[name]) ?? new TwoSampleTest(question),
      };
    });
    for (const [bucket, count] of (state?.durations ?? []).entries()) {
      if (bucket < logBucketCount && count >= 0) this.#durations[bucket] = count;
    }
  }

  /** What both arms did since the last call. */
  observe(stable: ArmDelta, candidate: ArmDelta): void {
    for (const { plan, test } of this.#guards) {
      if (plan.kind === 'errors') {
        test.observe('baseline', stable.failures, stable.requests);
        test.observe('candidate', candidate.failures, candidate.requests);
      } else if (plan.kind === 'invalid') {
        test.observe('baseline', stable.invalid, answersOf(stable));
        test.observe('candidate', candidate.invalid, answersOf(candidate));
      } else if (plan.kind === 'disagreement') {
        // A baseline would always agree with itself.
        test.observe('baseline', 0, candidate.compared);
        test.observe('candidate', candidate.differed, candidate.compared);
      } else if (plan.kind === 'latency') {
        this.#observeDurations(plan.quantile, test, stable, candidate);
      } else if (plan.kind === 'metric') {
        observeMetric(test, 'baseline', stable.metrics[plan.metric]);
        observeMetric(test, 'candidate', candidate.metrics[plan.metric]);
      }
    }
    this.#learnDurations(stable);
  }

  findings(): readonly GuardFinding[] {
    return this.#guards.map(({ plan, name, test }) => {
      const finding = test.finding();
      return { name, label: this.#label, guard: plan, refuted: finding.refuted, finding };
    });
  }

  state(): GuardsState {
    return {
      tests: Object.fromEntries(this.#guards.map(({ name, test }) => [name, test.state()])),
      durations: this.#durations,
    };
  }

  /** Slower than what was known of the baseline before: of itself, `1 - quantile` of the requests are. */
  #observeDurations(quantile: number, test: TwoSampleTest, stable: ArmDelta, candidate: ArmDelta): void {
    if (sumOf(this.#durations) < leastDurations) return;
    const bucket = logBucketAt(this.#durations, quantile);
    if (bucket === undefined) return;
    test.observe('baseline', countAboveBucket(stable.durations, bucket), sumOf(stable.durations));
    test.observe('candidate', countAboveBucket(candidate.durations, bucket), sumOf(candidate.durations));
  }

  #learnDurations({ durations }: ArmDelta): void {
    for (const [bucket, count] of durations.entries()) {
      this.#durations[bucket] = (this.#durations[bucket] ?? 0) + count;
    }
    if (sumOf(this.#durations) > mostDurations) {
      this.#durations = this.#durations.map((count) => Math.floor(count / 2));
    }
  }
}

function observeMetric(test: TwoSampleTest, arm: Arm, values: ValueSums | undefined): void {
  if (values !== undefined) test.observe(arm, values.sum, values.count);
}

function questionOf(plan: GuardPlan, alpha: number): TwoSampleQuestion {
  if (plan.kind === 'metric' && plan.better === 'higher') {
    return { claim: 'at-least', ratio: 1, margin: -plan.margin, alpha };
  }
  return { claim: 'at-most', ratio: 1, margin: plan.margin, alpha };
}

function answersOf({ requests, failures }: ArmDelta): number {
  return requests - failures;
}

function sumOf(counts: readonly number[]): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}
