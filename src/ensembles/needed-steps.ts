import type { EnsemblePlan } from '../inference/ensemble.ts';
import { noParameters, type InferRequest, type RequestedOutput } from '../inference/request.ts';

/** What a request wants of an ensemble. */
export interface NeededSteps {
  /** What to ask of each step; undefined for one whose outputs lead to nothing that is wanted. */
  readonly outputs: readonly (readonly RequestedOutput[] | undefined)[];
  /** How many steps run. */
  readonly count: number;
}

const whole = new WeakMap<EnsemblePlan, NeededSteps>();

/** @param request With its outputs resolved, by the names of the ensemble. */
export function neededSteps(plan: EnsemblePlan, request: InferRequest): NeededSteps {
  if (request.outputs.length < plan.outputs.length) {
    return prune(plan, new Set(request.outputs.map(({ name }) => plan.tensors.indexOf(name))));
  }
  let needed = whole.get(plan);
  if (needed === undefined) {
    needed = prune(plan, new Set(plan.outputs));
    whole.set(plan, needed);
  }
  return needed;
}

function prune({ steps }: EnsemblePlan, wanted: Set<number>): NeededSteps {
  const outputs: (readonly RequestedOutput[] | undefined)[] = steps.map(() => undefined);
  let count = 0;
  for (let index = steps.length - 1; index >= 0; index--) {
    const step = steps[index];
    const used = step?.outputs.filter(({ tensor }) => wanted.has(tensor)) ?? [];
    if (step === undefined || used.length === 0) continue;
    outputs[index] = used.map(({ name }) => ({ name, parameters: noParameters }));
    count += 1;
    for (const { tensor } of step.inputs) wanted.add(tensor);
  }
  return { outputs, count };
}
