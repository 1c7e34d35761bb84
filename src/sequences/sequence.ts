import type { CallContext } from '../inference/call-context.ts';
import type { ServingError } from '../errors.ts';
import type { InferRequest, Parameter } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Tensor } from '../inference/tensor.ts';

/** A request in its sequence. */
export interface Entry {
  readonly request: InferRequest;
  readonly call: CallContext;
  readonly id: Parameter;
  readonly start: boolean;
  readonly end: boolean;
  /** When it came, in the clock's milliseconds. */
  readonly since: number;
  readonly resolve: (response: InferResponse) => void;
  readonly reject: (error: ServingError) => void;
  /** Ends its wait at its deadline. */
  timer: Disposable | undefined;
  /** Why its caller is gone, while its batch runs. */
  gone: ServingError | undefined;
}

/** One live sequence: what waits in it, what runs, and its state between the two. */
export class Sequence {
  readonly key: string;
  /** -1 while others hold all slots. */
  slot = -1;
  /** In the order in which they came, which is the order in which they run. */
  readonly waiting: Entry[] = [];
  running: Entry | undefined = undefined;
  /** In the order of the plan; what the next request finds unless it starts anew. */
  states: readonly Tensor[] = [];
  stateBytes = 0;
  /** Goes on after its last request so far. */
  open = false;
  /** When it last came to rest. */
  activeAt = 0;

  constructor(key: string) {
    this.key = key;
  }

  get idle(): boolean {
    return this.running === undefined && this.waiting.length === 0;
  }

  /**
   * Takes out what cannot run because a request at `index` did not: everything up to the next start.
   *
   * @returns what was taken out, that request excepted if it was out already.
   */
  breakAt(index: number): readonly Entry[] {
    const next = this.waiting.findIndex(({ start }, at) => at >= index && start);
    const dropped = this.waiting.splice(index, (next < 0 ? this.waiting.length : next) - index);
    this.open = next >= 0 && this.waiting.at(-1)?.end === false;
    return dropped;
  }
}
