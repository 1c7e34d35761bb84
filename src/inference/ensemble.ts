import type { ModelSpec } from './model-spec.ts';
import type { RoutingTable } from './routing-table.ts';
import type { Target } from './target.ts';

/** One input or output of a step, and which tensor of the ensemble it reads or writes. */
export interface StepTensor {
  /** In the step's model. */
  readonly name: string;
  /** Index into `EnsemblePlan.tensors`. */
  readonly tensor: number;
}

/** A model that an ensemble runs once for each request. */
export interface EnsembleStep {
  readonly model: string;
  /** '' is the newest version that is ready when a request comes. */
  readonly version: string;
  readonly inputs: readonly StepTensor[];
  readonly outputs: readonly StepTensor[];
}

/** What an ensemble does, as a graph without cycles: plain data, so that it can cross threads. */
export interface EnsemblePlan {
  /** Names, once each: the inputs of the ensemble in its order, then what steps write. */
  readonly tensors: readonly string[];
  /** How many of `tensors`, from the first, are inputs of the ensemble. */
  readonly inputs: number;
  /** Each output of the ensemble in its order, as index into `tensors`. */
  readonly outputs: readonly number[];
  /** Each reads only inputs and what earlier ones write. */
  readonly steps: readonly EnsembleStep[];
  /** The steps that read each tensor, one entry for each time. */
  readonly readers: readonly (readonly number[])[];
  /** The step that writes each tensor; -1 for inputs of the ensemble. */
  readonly writers: readonly number[];
}

/** `ensemble_scheduling` as configured. */
export interface EnsembleConfig {
  readonly step: readonly {
    readonly model_name: string;
    /** -1: the newest. */
    readonly model_version: number;
    /** The model's name of an input to the ensemble's name of a tensor. */
    readonly input_map: Readonly<Record<string, string>>;
    readonly output_map: Readonly<Record<string, string>>;
    readonly model_namespace: string;
  }[];
  readonly max_inflight_requests: number;
}

/** What loading and routing must know of ensembles. */
export interface EnsembleRules {
  /** The graph of a configuration. @throws ServingError invalid_argument when it is none that can be run. */
  readonly plan: (
    spec: Pick<ModelSpec, 'name' | 'inputs' | 'outputs'>,
    config: EnsembleConfig,
  ) => EnsemblePlan;
  /** Why the models that can be routed to cannot run the ensemble now; '' when they can. */
  readonly problem: (ensemble: Pick<Target, 'spec' | 'ensemble'>, routes: RoutingTable) => string;
}
