import { parse } from 'yaml';
import type { MetricRule } from '../inference/arm-metrics.ts';
import { wholeWeight } from '../inference/traffic-split.ts';
import { printable } from '../util/printable.ts';
import { successMetric, type GoalPlan, type PlannedArm, type RolloutPlan, type RolloutStep } from './plan.ts';
import { planDocument, type PlanDocument as Read } from './plan-document.ts';
import { readBandit, readDesign, readGoal } from './read-goal.ts';
import { readGuards } from './read-guards.ts';
import { wrongPlan } from './refusals.ts';

/** @throws ServingError invalid_argument that names the field. */
export function readPlan(raw: unknown): RolloutPlan {
  const checked = planDocument.safeParse(raw);
  if (!checked.success) {
    const problems = checked.error.issues
      .slice(0, 5)
      .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`));
    throw wrongPlan(printable(problems.join('; '), 600));
  }
  const read = checked.data;
  const candidates = candidatesOf(read);
  const [candidate = ''] = candidates;
  const labels = labelsOf(read, candidate);
  if (labels.stable === labels.candidate) throw wrongPlan('labels.stable and labels.candidate are the same');
  const goal = readGoal(read);
  const planName = read.name ?? `${read.model}-${read.stable}-to-${candidates.join('-')}`.slice(0, 64);
  return {
    name: planName,
    model: read.model,
    strategy: read.strategy,
    stable: read.stable,
    candidate,
    labels,
    arms: armsOf(read, candidates, labels),
    stickyKeys: read.key,
    salt: read.salt ?? planName,
    steps: stepsOf(read),
    alpha: read.alpha,
    guards: readGuards(read),
    ranges:
      read.guards.invalid === false
        ? []
        : Object.entries(read.guards.invalid.ranges).map(([output, [min, max]]) => ({ output, min, max })),
    metrics: metricsOf(read, goal),
    goal,
    design: readDesign(read, goal),
    bandit: readBandit(read, candidates.length + 1, goal),
    promotes: promotesOf(read),
    shadow:
      read.strategy === 'shadow'
        ? { weight: weightOf(read.percent ?? 100), agreement: read.compare, outputs: read.compareOutputs }
        : undefined,
    document: raw,
  };
}

function candidatesOf({ strategy, stable, candidate, candidates }: Read): readonly string[] {
  if ((candidate === undefined) === (candidates === undefined)) {
    throw wrongPlan('candidate: a version is needed, or several in candidates of a bandit');
  }
  if (candidates !== undefined && strategy !== 'bandit') {
    throw wrongPlan(`candidates: a rollout of strategy ${strategy} has one candidate`);
  }
  const versions = candidates ?? [candidate ?? ''];
  if (versions.includes(stable)) throw wrongPlan('stable and candidate are the same version');
  if (new Set(versions).size !== versions.length) throw wrongPlan('candidates: a version is there twice');
  return versions;
}

function labelsOf({ strategy, stable, labels }: Read, candidate: string): RolloutPlan['labels'] {
  if (strategy !== 'bandit') return labels ?? usualLabels[strategy];
  if (labels !== undefined) throw wrongPlan('labels: versions of a bandit are called v and their number');
  return { stable: `v${stable}`, candidate: `v${candidate}` };
}

function armsOf(
  { strategy, stable }: Read,
  candidates: readonly string[],
  labels: RolloutPlan['labels'],
): readonly PlannedArm[] {
  return [
    { label: labels.stable, version: stable },
    ...candidates.map((version) => ({
      label: strategy === 'bandit' ? `v${version}` : labels.candidate,
      version,
    })),
  ];
}

/** A metric has one range, whoever uses it. */
function metricsOf({ guards: { metric } }: Read, goal: GoalPlan | undefined): readonly MetricRule[] {
  const rules: MetricRule[] = [];
  if (goal !== undefined && goal.metric !== successMetric) {
    rules.push({ name: goal.metric, min: goal.min, max: goal.max });
  }
  if (metric === undefined) return rules;
  const [min, max] = metric.range;
  const same = rules.find(({ name }) => name === metric.name);
  if (same === undefined) return [...rules, { name: metric.name, min, max }];
  if (same.min !== min || same.max !== max) {
    throw wrongPlan(`guards.metric.range: differs from that of the goal '${metric.name}'`);
  }
  return rules;
}

function promotesOf({ strategy, promote }: Read): boolean {
  if (promote && strategy !== 'ab') throw wrongPlan('promote: is for an A/B test');
  return promote;
}

/** Longer texts are no plans. */
const mostCharacters = 64 * 1024;

/** @param text YAML or JSON. @throws ServingError invalid_argument */
export function readPlanText(text: string): RolloutPlan {
  if (text.length > mostCharacters) throw wrongPlan('the plan is too long');
  let content: unknown;
  try {
    content = parse(text, { prettyErrors: false, maxAliasCount: 0 });
  } catch {
    throw wrongPlan('the plan is not valid YAML');
  }
  if (typeof content === 'object' && content !== null && 'rollouts' in content) {
    throw wrongPlan('the file lists rollouts, as --rollouts takes it; one plan is needed, without rollouts:');
  }
  return readPlan(content);
}

const usualLabels = {
  canary: { stable: 'stable', candidate: 'canary' },
  'blue-green': { stable: 'blue', candidate: 'green' },
  shadow: { stable: 'stable', candidate: 'shadow' },
  ab: { stable: 'a', candidate: 'b' },
} as const satisfies Record<Exclude<Read['strategy'], 'bandit'>, RolloutPlan['labels']>;

const usualPercents = [1, 5, 25, 50, 100];
const minuteMs = 60_000;

function stepsOf(read: Read): readonly RolloutStep[] {
  const minMs = (read.minutes ?? 5) * minuteMs;
  const minSamples = read.samples ?? 500;
  if (read.strategy === 'canary') {
    const steps = (read.steps ?? usualPercents).map((one): RolloutStep => {
      const given = typeof one === 'number' ? { percent: one, minutes: undefined, samples: undefined } : one;
      const weight = weightOf(given.percent);
      // Of everybody there is nothing left to compare with: the end, unless more is asked for.
      const isAll = weight === wholeWeight;
      return {
        weight,
        minMs: given.minutes === undefined ? (isAll ? 0 : minMs) : given.minutes * minuteMs,
        minSamples: given.samples ?? (isAll ? 0 : minSamples),
      };
    });
    for (const [index, { weight }] of steps.entries()) {
      if (weight <= (steps[index - 1]?.weight ?? 0)) throw wrongPlan('steps must grow, from above 0');
    }
    return steps;
  }
  if (read.steps !== undefined) throw wrongPlan(`a rollout of strategy ${read.strategy} has no steps`);
  if (read.strategy === 'blue-green') {
    return [{ weight: wholeWeight, minMs: read.keepMinutes * minuteMs, minSamples: 0 }];
  }
  if (read.strategy === 'shadow') return [{ weight: 0, minMs, minSamples }];
  if (read.strategy === 'bandit') {
    for (const field of ['percent', 'minutes', 'samples'] as const) {
      if (read[field] !== undefined) throw wrongPlan(`${field}: a bandit has none; see bandit.minutes`);
    }
  }
  // How long these go on, others decide.
  if (read.strategy === 'bandit') return [{ weight: 0, minMs: 0, minSamples: 0 }];
  const weight = weightOf(read.percent ?? 50);
  if (weight <= 0 || weight >= wholeWeight)
    throw wrongPlan('percent: both versions of an A/B test need a part');
  return [{ weight, minMs, minSamples: 0 }];
}

function weightOf(value: number): number {
  return Math.round((value * wholeWeight) / 100);
}
