import type { EnsemblePlan } from '../inference/ensemble.ts';
import type { Router, Target } from '../inference/target.ts';
import type { TargetHolds } from './target-holds.ts';

/** An ensemble with the versions that one request is to meet, however long its steps take. */
export interface PinnedEnsemble {
  readonly target: Target;
  readonly plan: EnsemblePlan;
  /** In the order of the plan's steps. */
  readonly steps: readonly PinnedStep[];
}

export interface PinnedStep {
  readonly target: Target;
  /** Of a step that is an ensemble itself. */
  readonly ensemble: PinnedEnsemble | undefined;
}

/** Finds the versions of all steps, at one moment. @throws ServingError not_found or unavailable */
export function pin(target: Target, plan: EnsemblePlan, router: Router): PinnedEnsemble {
  const steps = plan.steps.map(({ model, version }): PinnedStep => {
    const step = router.route(model, version);
    return {
      target: step,
      ensemble: step.ensemble === undefined ? undefined : pin(step, step.ensemble, router),
    };
  });
  return { target, plan, steps };
}

/** Keeps all of them open; `releaseAll` ends it. */
export function holdAll(pinned: PinnedEnsemble, holds: TargetHolds): void {
  holds.hold(pinned.target);
  for (const step of pinned.steps) {
    if (step.ensemble === undefined) holds.hold(step.target);
    else holdAll(step.ensemble, holds);
  }
}

export function releaseAll(pinned: PinnedEnsemble, holds: TargetHolds): void {
  holds.release(pinned.target);
  for (const step of pinned.steps) {
    if (step.ensemble === undefined) holds.release(step.target);
    else releaseAll(step.ensemble, holds);
  }
}
