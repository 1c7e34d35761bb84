import type { ArmReading } from '../inference/traffic-split.ts';
import { addDeltas, deltaOf, noDelta, type ArmDelta, type RolloutDelta } from './arm-delta.ts';
import type { RolloutState } from './state.ts';

type Readings = ReadonlyMap<string, readonly ArmReading[]>;

/** Tells what the arms have counted since the last look, over all threads. */
export class ArmWatch {
  #last: Readings = new Map();

  deltas(readings: Readings, states: readonly RolloutState[]): readonly RolloutDelta[] {
    const last = this.#last;
    this.#last = readings;
    return states.map(({ plan }) => {
      const sum = (label: string): ArmDelta => {
        let total = noDelta;
        for (const [thread, arms] of readings) {
          const isArm = ({ model, experiment, arm }: ArmReading): boolean =>
            model === plan.model && experiment === plan.name && arm === label;
          const now = arms.find(isArm);
          if (now !== undefined) total = addDeltas(total, deltaOf(now, last.get(thread)?.find(isArm)));
        }
        return total;
      };
      return {
        model: plan.model,
        experiment: plan.name,
        stable: sum(plan.labels.stable),
        candidate: sum(plan.labels.candidate),
      };
    });
  }
}
