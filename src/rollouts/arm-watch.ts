import { accuracyMetric, type LabelTotal } from '../inference/arm-metrics.ts';
import type { ArmReading } from '../inference/traffic-split.ts';
import { sumsOfSuccesses } from '../statistics/value-sums.ts';
import { addDeltas, deltaOf, noDelta, type ArmDelta, type RolloutDelta } from './arm-delta.ts';
import type { PlannedArm } from './plan.ts';
import type { RolloutState } from './state.ts';

type Readings = ReadonlyMap<string, readonly ArmReading[]>;

/** What labels have said of a version since it was loaded. */
export type ReadLabels = (model: string, version: string) => LabelTotal | undefined;

/** Tells what the arms have counted since the last look, over all threads, and what labels have said of them. */
export class ArmWatch {
  #last: Readings = new Map();
  /** By model, experiment and arm, of rollouts that ask for their accuracy. */
  #labelled: ReadonlyMap<string, LabelTotal> = new Map();

  deltas(readings: Readings, states: readonly RolloutState[], labels: ReadLabels): readonly RolloutDelta[] {
    const last = this.#last;
    this.#last = readings;
    const labelled = new Map<string, LabelTotal>();
    const deltas = states.map(({ plan }) => {
      const sum = ({ label, version }: PlannedArm): ArmDelta => {
        let total = noDelta;
        for (const [thread, arms] of readings) {
          const isArm = ({ model, experiment, arm }: ArmReading): boolean =>
            model === plan.model && experiment === plan.name && arm === label;
          const now = arms.find(isArm);
          if (now !== undefined) total = addDeltas(total, deltaOf(now, last.get(thread)?.find(isArm)));
        }
        if (!plan.metrics.some(({ name }) => name === accuracyMetric)) return total;
        const key = JSON.stringify([plan.model, plan.name, label, version]);
        const now = labels(plan.model, version) ?? { outcomes: 0, errors: 0 };
        labelled.set(key, now);
        return addDeltas(total, accuracySince(now, this.#labelled.get(key)));
      };
      return { model: plan.model, experiment: plan.name, arms: plan.arms.map(sum) };
    });
    this.#labelled = labelled;
    return deltas;
  }
}

/** What came before the first look says nothing of the rollout. */
function accuracySince(now: LabelTotal, earlier: LabelTotal | undefined): ArmDelta {
  if (earlier === undefined) return noDelta;
  // A version that was loaded again has begun anew.
  const before = earlier.outcomes > now.outcomes ? { outcomes: 0, errors: 0 } : earlier;
  const count = now.outcomes - before.outcomes;
  const right = count - Math.min(Math.max(now.errors - before.errors, 0), count);
  return { ...noDelta, metrics: { [accuracyMetric]: sumsOfSuccesses(right, count) } };
}
