import { ServingError } from '../errors.ts';
import type { CallContext } from '../inference/call-context.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { IterationPlan, SequencePlan } from '../inference/sequence.ts';
import type { Target } from '../inference/target.ts';
import type { Tensor } from '../inference/tensor.ts';
import { IterativeRun, type IterativeTools } from './iterative-run.ts';
import { refuse } from './refusals.ts';
import type { SequenceTools } from './sequence-model.ts';
import { countFailure } from './turn.ts';
import { initialStates, sizeOf } from './whole-request.ts';

/**
 * One model version whose requests the server runs step by step. As many as the plan has slots run at once, and the
 * batcher joins their steps, whichever step each is at; others wait, in the order in which they came.
 */
export class IterativeModel {
  readonly #target: Target;
  readonly #plan: SequencePlan;
  readonly #tools: IterativeTools;
  /** Starts each run that waits for a slot, oldest first. */
  readonly #backlog = new Map<IterativeRun, () => void>();
  #running = 0;
  #stateBytes = 0;
  #lastId = 0;
  #drained: (() => void) | undefined = undefined;

  constructor(
    target: Target,
    plan: SequencePlan & { readonly iteration: IterationPlan },
    { clock, submit }: Pick<SequenceTools, 'clock' | 'submit'>,
  ) {
    this.#target = target;
    this.#plan = plan;
    this.#tools = {
      target,
      plan,
      iteration: plan.iteration,
      clock,
      submit,
      initial: initialStates(plan),
      keep: (run, states) => this.#keep(run, states),
    };
  }

  /** @returns the last answer; those before it go to the call. */
  async submit(request: InferRequest, call: CallContext): Promise<InferResponse> {
    const { clock } = this.#tools;
    try {
      const response = await this.#run(this.#enter(request, call));
      this.#target.statistics.recordSuccess(clock.now() - call.receivedAt, call.front);
      return response;
    } catch (thrown) {
      const error = ServingError.from(thrown);
      countFailure(this.#target, call, error, clock.now());
      throw error;
    }
  }

  /** Resolves when no request waits or runs: each has a bounded number of steps. */
  async drained(): Promise<void> {
    if (this.#running === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained = resolve;
    await promise;
  }

  #enter(request: InferRequest, call: CallContext): IterativeRun {
    const { spec } = this.#target;
    const { maxSequences } = this.#plan;
    if (spec.maxBatchSize > 0 && request.inputs[0]?.shape[0] !== 1) throw refuse.rows(spec);
    if (this.#running + this.#backlog.size >= maxSequences) throw refuse.tooManySequences(spec, maxSequences);
    this.#lastId = (this.#lastId % mostId) + 1;
    return new IterativeRun(this.#tools, request, call, this.#lastId);
  }

  async #run(run: IterativeRun): Promise<InferResponse> {
    const { call } = run;
    const { clock } = this.#tools;
    using _ =
      call.deadline < Infinity
        ? clock.after(Math.max(0, call.deadline - clock.now()), () => run.leave(refuse.late()))
        : undefined;
    run.watch();
    await this.#slot(run);
    try {
      return await run.run();
    } finally {
      call.onCancelled(undefined);
      this.#keep(run, []);
      this.#next();
    }
  }

  /** Waits for a slot, which is the caller's to give back once this has resolved. */
  async #slot(run: IterativeRun): Promise<void> {
    if (run.gone !== undefined) throw run.gone;
    if (this.#running < this.#plan.slots) {
      this.#running += 1;
      return;
    }
    try {
      await run.until((resolve) => void this.#backlog.set(run, resolve));
    } catch (error) {
      this.#backlog.delete(run);
      throw error;
    }
  }

  /** A slot is free. */
  #next(): void {
    for (const [run, start] of this.#backlog) {
      this.#backlog.delete(run);
      start();
      return;
    }
    this.#running -= 1;
    if (this.#running === 0) this.#drained?.();
  }

  #keep(run: IterativeRun, states: readonly Tensor[]): boolean {
    const sizeBytes = sizeOf(states);
    const more = sizeBytes - run.stateBytes;
    if (more > 0 && this.#stateBytes + more > this.#plan.maxStateBytes) return false;
    this.#stateBytes += more;
    run.stateBytes = sizeBytes;
    return true;
  }
}

/** Fits every datatype of a CORRID control. */
const mostId = 2 ** 31 - 1;
