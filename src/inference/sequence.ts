import type { Datatype } from './datatype.ts';
import type { Target } from './target.ts';

/** What the server tells a model about the sequence that a row belongs to. */
export type ControlKind = 'start' | 'ready' | 'end' | 'corrid';

/** An input of one element that the server fills. */
export interface SequenceControl {
  readonly kind: ControlKind;
  readonly name: string;
  readonly datatype: Datatype;
  /** One element, for no and for yes; both empty for `corrid`. */
  readonly off: Uint8Array;
  readonly on: Uint8Array;
}

/** An output that becomes an input of the sequence's next request. */
export interface SequenceState {
  readonly input: string;
  readonly output: string;
  readonly datatype: Datatype;
  /** Of one sequence, without a batch dimension; -1 is any size. */
  readonly dims: readonly number[];
  /** Where a sequence begins. Never written to. */
  readonly initialShape: readonly number[];
  readonly initial: Uint8Array;
}

/** How one request is run step by step: Triton's iterative_sequence, with the rules that end it. */
export interface IterationPlan {
  /** Of one request; requests may ask for fewer. */
  readonly maxSteps: number;
  /** A BOOL output of one element for each row: true ends the request with this step. '' where only `maxSteps` does. */
  readonly stopOutput: string;
  /** A BOOL output of one element for each row: false makes no answer of this step. '' where every step is one. */
  readonly emitOutput: string;
  /** Inputs of the states that begin as the request says. */
  readonly sentStates: ReadonlySet<string>;
}

/** How requests that belong together share a state in the server: Triton's sequence_batching, complete and checked. */
export interface SequencePlan {
  /** 'direct': a sequence is the same row of each batch. 'oldest': its requests are batched with those of others. */
  readonly strategy: 'direct' | 'oldest';
  /** Sequences that take turns at once; others wait for one of them to end. */
  readonly slots: number;
  /** A sequence without requests for this long ends. */
  readonly idleMs: number;
  /** Live sequences, waiting ones included. */
  readonly maxSequences: number;
  /** Of all live sequences together. */
  readonly maxStateBytes: number;
  readonly controls: readonly SequenceControl[];
  readonly states: readonly SequenceState[];
  /** Each request is a sequence by itself, and the server runs its steps. */
  readonly iteration?: IterationPlan;
  /** The model with all its inputs and outputs: what clients see, controls and states. Shares executors and statistics. */
  readonly model: Target;
}
