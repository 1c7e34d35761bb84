import { validateRequest } from '../../src/admission/validate.ts';
import { ByteBudget } from '../../src/admission/byte-budget.ts';
import { createBatcher } from '../../src/batching/create-batcher.ts';
import { createEnsembles, type Submit } from '../../src/ensembles/create-ensembles.ts';
import { planEnsemble } from '../../src/ensembles/plan-ensemble.ts';
import { TargetHolds } from '../../src/ensembles/target-holds.ts';
import type { CallContext } from '../../src/inference/call-context.ts';
import type { EnsembleConfig } from '../../src/inference/ensemble.ts';
import type { Batch, Executor } from '../../src/inference/executor.ts';
import type { ModelSpec, TensorSpec } from '../../src/inference/model-spec.ts';
import type { InferRequest } from '../../src/inference/request.ts';
import type { InferResponse } from '../../src/inference/response.ts';
import type { ModelRoutes } from '../../src/inference/routing-table.ts';
import type { Tensor } from '../../src/inference/tensor.ts';
import { createRouter } from '../../src/routing/router.ts';
import { buildSpec, buildTarget, buildTensorSpec, callAt, type NotedTarget } from './build-target.ts';
import { FakeClock } from './fake-clock.ts';

type Step = Partial<EnsembleConfig['step'][number]>;

export function buildSteps(steps: readonly Step[]): EnsembleConfig {
  return {
    max_inflight_requests: 0,
    step: steps.map((step) => ({
      model_name: 'm',
      model_version: -1,
      input_map: {},
      output_map: {},
      model_namespace: '',
      ...step,
    })),
  };
}

/** Inputs or outputs of one float a row, unless said otherwise. */
export function oneFloat(
  names: readonly string[],
  overrides: Partial<TensorSpec> = {},
): readonly TensorSpec[] {
  return names.map((name) => buildTensorSpec(name, { dims: [1], ...overrides }));
}

export interface ModelParts {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly executor: Executor;
  readonly spec?: Partial<ModelSpec>;
}

/** Models and ensembles over a real batcher, and what a pipeline would submit to. */
export class EnsembleBench {
  readonly clock = new FakeClock();
  readonly holds = new TargetHolds();
  readonly budget: ByteBudget;
  readonly batcher = createBatcher({ clock: this.clock });
  readonly submit: Submit;
  readonly #table = new Map<string, ModelRoutes>();

  constructor({ budgetBytes = 1 << 20, submit }: { budgetBytes?: number; submit?: Submit } = {}) {
    this.budget = new ByteBudget({ limitBytes: budgetBytes });
    this.submit = createEnsembles({
      submit: submit ?? ((target, request, call) => this.batcher.submit(target, request, call)),
      validate: validateRequest,
      router: createRouter(() => this.#table),
      budget: this.budget,
      holds: this.holds,
      clock: this.clock,
    });
  }

  /** Adds a model, or replaces it. */
  model(name: string, { inputs, outputs, executor, spec }: ModelParts): NotedTarget {
    const target = buildTarget([executor], {
      spec: { name, digest: name, inputs: oneFloat(inputs), outputs: oneFloat(outputs), ...spec },
    });
    this.#route(target);
    return target;
  }

  ensemble(
    name: string,
    parts: Omit<ModelParts, 'executor'> & { readonly steps: readonly Step[] },
  ): NotedTarget {
    const spec = buildSpec({
      name,
      platform: 'ensemble',
      inputs: oneFloat(parts.inputs),
      outputs: oneFloat(parts.outputs),
      ...parts.spec,
    });
    const target = { ...buildTarget([], { spec }), ensemble: planEnsemble(spec, buildSteps(parts.steps)) };
    this.#route(target);
    return target;
  }

  /** Submits what admission would let through. */
  infer(
    target: NotedTarget,
    request: InferRequest,
    call: CallContext = callAt(this.clock.now()),
  ): Promise<InferResponse> {
    return this.submit(target, validateRequest(target, request, call), call);
  }

  #route(target: NotedTarget): void {
    const { name, version } = target.spec;
    this.#table.set(name, { newest: target, ready: new Map([[version, target]]), absent: new Map() });
  }
}

/** One number a row. */
export function floats(name: string, values: readonly number[]): Tensor {
  const data = new Uint8Array(new Float32Array(values).buffer);
  return { name, datatype: 'FP32', shape: [values.length, 1], data };
}

export function valuesOf({ data }: Tensor): readonly number[] {
  return [...new Float32Array(new Uint8Array(data).buffer)];
}

/** Computes each output, row by row, from the values of all inputs in the order of the batch. */
export function computing(
  compute: (inputs: readonly number[], output: string) => number,
): (batch: Batch) => readonly Tensor[] {
  return (batch) => {
    const columns = batch.inputs.map(({ parts }) => [
      ...new Float32Array(new Uint8Array(Buffer.concat(parts)).buffer),
    ]);
    return batch.outputs.map((name) =>
      floats(
        name,
        Array.from({ length: batch.rows }, (_, row) =>
          compute(
            columns.map((column) => column[row] ?? Number.NaN),
            name,
          ),
        ),
      ),
    );
  };
}
