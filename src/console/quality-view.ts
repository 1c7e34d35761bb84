import type { MetricsReading, SampleGroup } from './reading.ts';

/** What is known of the answers and the data of one version. */
export interface QualityRow {
  readonly model: string;
  readonly version: string;
  /** Of the newest labels, by name. */
  readonly metrics: ReadonlyMap<string, number>;
  /** Labels that were taken. */
  readonly labels: number;
  readonly belowBaseline: boolean;
  /** By the model's own confidence; null where it has none. */
  readonly estimatedAccuracy: number | null;
  /** Of the last complete windows, by side; empty before there is one. */
  readonly driftShare: ReadonlyMap<string, number>;
  /** Names of what had drifted. */
  readonly drifted: readonly string[];
  /** The most changed feature; null before a window is complete. */
  readonly mostChanged: { readonly name: string; readonly index: number } | null;
}

export interface RolloutArmRow {
  readonly arm: string;
  readonly version: string;
  /** Of the requests that name no version, 0 to 1. */
  readonly share: number;
  readonly requests: number;
  readonly failures: number;
}

/** A rollout or an experiment. */
export interface RolloutRow {
  readonly model: string;
  readonly name: string;
  /** Its phase, in words. */
  readonly state: string;
  readonly condition: 'good' | 'bad' | 'idle';
  readonly arms: readonly RolloutArmRow[];
}

/** Versions that are monitored, by name. */
export function qualityRows({ versions }: MetricsReading): readonly QualityRow[] {
  return Array.from(versions.values())
    .filter((group) => group.has('tensorgate_quality_labels_total'))
    .map(qualityRow)
    .toSorted((left, right) => (left.model < right.model ? -1 : left.model > right.model ? 1 : 0));
}

function qualityRow(group: SampleGroup): QualityRow {
  const indexes = [...group.by('tensorgate_drift_psi', 'feature')].toSorted(([, a], [, b]) => b - a);
  const [first] = indexes;
  return {
    model: group.labels['model'] ?? '',
    version: group.labels['version'] ?? '',
    metrics: group.by('tensorgate_quality', 'metric'),
    labels: group.by('tensorgate_quality_labels_total', 'outcome').get('accepted') ?? 0,
    belowBaseline: group.sum('tensorgate_quality_below_baseline') > 0,
    estimatedAccuracy: group.has('tensorgate_quality_estimated_accuracy')
      ? group.sum('tensorgate_quality_estimated_accuracy')
      : null,
    driftShare: group.by('tensorgate_drift_share', 'side'),
    drifted: [...group.by('tensorgate_drift_drifted', 'feature').keys()],
    mostChanged: first === undefined ? null : { name: first[0], index: first[1] },
  };
}

/** All rollouts, in the order of the page of metrics. */
export function rolloutRows({ server, versions }: MetricsReading): readonly RolloutRow[] {
  return server.samples('tensorgate_rollout_phase').map(({ labels }): RolloutRow => {
    const { model = '', rollout = '', phase = '' } = labels;
    return {
      model,
      name: rollout,
      state: phase.replace('_', ' '),
      condition: conditions[phase] ?? 'idle',
      arms: Array.from(versions.values())
        .filter((group) => group.labels['model'] === model)
        .flatMap((group) => armRows(group, rollout)),
    };
  });
}

/** Others wait for somebody, or are over without a change. */
const conditions: Readonly<Record<string, RolloutRow['condition']>> = {
  running: 'good',
  promoted: 'good',
  rolled_back: 'bad',
};

function armRows(group: SampleGroup, rollout: string): readonly RolloutArmRow[] {
  const ofRollout = (name: string) =>
    group.samples(name).filter(({ labels }) => labels['rollout'] === rollout);
  const sum = (name: string, arm: string): number =>
    ofRollout(name).reduce((total, { labels, value }) => total + (labels['arm'] === arm ? value : 0), 0);
  const arms = new Set(
    [...ofRollout('tensorgate_rollout_arm_ratio'), ...ofRollout('tensorgate_arm_requests_total')].map(
      ({ labels }) => labels['arm'] ?? '',
    ),
  );
  return Array.from(arms, (arm) => ({
    arm,
    version: group.labels['version'] ?? '',
    share: sum('tensorgate_rollout_arm_ratio', arm),
    requests: sum('tensorgate_arm_requests_total', arm),
    failures: sum('tensorgate_arm_failures_total', arm),
  }));
}
