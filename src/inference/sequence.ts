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
  /** The model with all its inputs and outputs: what clients see, controls and states. Shares executors and statistics. */
  readonly model: Target;
}
