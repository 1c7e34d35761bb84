import type { RolloutReport } from '../../inference/rollout-admin.ts';
import type { ArmReading } from '../../inference/traffic-split.ts';
import type { Metric, NumberMetric } from './metric.ts';

/** An arm's counts, added up over threads. */
export type ArmCounts = Pick<ArmReading, 'model' | 'experiment' | 'arm' | 'version'> &
  Readonly<
    Record<'requests' | 'failures' | 'invalid' | 'fallbacks' | 'compared' | 'differed' | 'dropped', number>
  >;

type Count = 'requests' | 'failures' | 'invalid' | 'fallbacks' | 'compared' | 'differed' | 'dropped';

const counts: readonly Count[] = [
  'requests',
  'failures',
  'invalid',
  'fallbacks',
  'compared',
  'differed',
  'dropped',
];

/** @param readings of all threads. */
export function addArms(readings: Iterable<readonly ArmReading[]>): readonly ArmCounts[] {
  const sums = new Map<string, Record<Count, number> & ArmCounts>();
  for (const arms of readings) {
    for (const { model, experiment, arm, version, ...read } of arms) {
      const key = JSON.stringify([model, experiment, arm, version]);
      let sum = sums.get(key);
      if (sum === undefined) {
        const none = {
          requests: 0,
          failures: 0,
          invalid: 0,
          fallbacks: 0,
          compared: 0,
          differed: 0,
          dropped: 0,
        };
        sum = { model, experiment, arm, version, ...none };
        sums.set(key, sum);
      }
      for (const count of counts) sum[count] += read[count];
    }
  }
  return [...sums.values()];
}

function ofArms(name: string, help: string, count: Count): NumberMetric {
  return {
    kind: 'counter',
    name,
    help,
    labels: ['model', 'version', 'rollout', 'arm'],
    read: ({ arms }) =>
      arms.map((arm) => ({
        labels: { model: arm.model, version: arm.version, rollout: arm.experiment, arm: arm.arm },
        value: arm[count],
      })),
  };
}

function ofRollouts(name: string, help: string, value: (report: RolloutReport) => number): NumberMetric {
  return {
    kind: 'gauge',
    name,
    help,
    labels: ['model', 'rollout'],
    read: ({ rollouts }) =>
      rollouts.map((report) => ({
        labels: { model: report.model, rollout: report.name },
        value: value(report),
      })),
  };
}

/** Rollouts, and what became of the requests of their arms. */
export const rolloutMetrics: readonly Metric[] = [
  ofRollouts(
    'tensorgate_rollout_candidate_ratio',
    "The candidate's part of the requests that name no version, 0 to 1.",
    ({ percent }) => percent / 100,
  ),
  {
    kind: 'gauge',
    name: 'tensorgate_rollout_arm_ratio',
    help: "A version's part of the requests that name no version, 0 to 1.",
    labels: ['model', 'version', 'rollout', 'arm'],
    read: ({ rollouts }) =>
      rollouts.flatMap(({ model, name: rollout, arms }) =>
        arms.map(({ label: arm, version, percent }) => ({
          labels: { model, version, rollout, arm },
          value: percent / 100,
        })),
      ),
  },
  {
    kind: 'gauge',
    name: 'tensorgate_rollout_phase',
    help: '1 for the phase that a rollout is in: waiting, running, paused, promoted, rolled_back, aborted or finished.',
    labels: ['model', 'rollout', 'phase'],
    read: ({ rollouts }) =>
      rollouts.map(({ model, name: rollout, phase }) => ({ labels: { model, rollout, phase }, value: 1 })),
  },
  ofRollouts(
    'tensorgate_rollout_running',
    '1 while a rollout is under way: not over, and not paused.',
    ({ phase }) => Number(phase === 'running' || phase === 'waiting'),
  ),
  ofRollouts(
    'tensorgate_rollout_rolled_back',
    '1 once harm was shown and the stable version serves everybody.',
    ({ phase }) => Number(phase === 'rolled_back'),
  ),
  ofArms(
    'tensorgate_arm_requests_total',
    'Requests that a version answered or failed at as an arm of a rollout.',
    'requests',
  ),
  ofArms('tensorgate_arm_failures_total', 'Of those, what the version failed at.', 'failures'),
  ofArms(
    'tensorgate_arm_invalid_total',
    'Of those, answers with NaN, infinities or values out of range.',
    'invalid',
  ),
  ofArms(
    'tensorgate_arm_fallbacks_total',
    "Requests of the arm's users that another arm answered.",
    'fallbacks',
  ),
  ofArms('tensorgate_shadow_compared_total', 'Answers of a shadow that were compared.', 'compared'),
  ofArms('tensorgate_shadow_differed_total', 'Of those, that differed.', 'differed'),
  ofArms(
    'tensorgate_shadow_dropped_total',
    'Copies for a shadow that were given up for lack of room.',
    'dropped',
  ),
];
