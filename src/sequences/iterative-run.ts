import { ServingError } from '../errors.ts';
import type { CallContext, TakeAnswer } from '../inference/call-context.ts';
import {
  noParameters,
  type InferRequest,
  type Parameter,
  type RequestedOutput,
} from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { IterationPlan, SequencePlan } from '../inference/sequence.ts';
import type { Target } from '../inference/target.ts';
import type { Tensor } from '../inference/tensor.ts';
import type { Clock } from '../util/clock.ts';
import { AnswerTimes } from './answer-times.ts';
import { refuse } from './refusals.ts';
import { answerTo, nextStates, wholeInputs, wholeOutputs } from './whole-request.ts';

/** A caller that reads nothing for this long holds states and a place among the running that others wait for. */
const readPatienceMs = 60_000;

/** What a run needs of its model. */
export interface IterativeTools {
  readonly target: Target;
  readonly plan: SequencePlan;
  readonly iteration: IterationPlan;
  readonly clock: Clock;
  readonly submit: (target: Target, request: InferRequest, call: CallContext) => Promise<InferResponse>;
  /** Where requests begin, in the order of the plan's states. */
  readonly initial: readonly Tensor[];
  /** Counts the states of a run in place of its earlier ones. False when they are more bytes than there may be. */
  readonly keep: (run: IterativeRun, states: readonly Tensor[]) => boolean;
}

/** One request and its steps, of which one at a time waits in the batcher, with those of other requests. */
export class IterativeRun {
  /** The bytes of its states, counted by its model. */
  stateBytes = 0;
  readonly call: CallContext;
  readonly #tools: IterativeTools;
  readonly #request: InferRequest;
  /** What a CORRID control is given. */
  readonly #id: Parameter;
  readonly #maxSteps: number;
  /** Where answers before the last go; undefined where there is only the last. */
  readonly #take: TakeAnswer | undefined;
  /** What each step is sent of the request. */
  readonly #sent: readonly Tensor[];
  readonly #outputs: readonly RequestedOutput[];
  /** Ends what it waits for outside of the batcher. */
  #interrupt: ((error: ServingError) => void) | undefined = undefined;
  #answered = false;
  #gone: ServingError | undefined = undefined;
  readonly #onCancelled = (): void => this.leave(refuse.cancelled());

  /** @throws ServingError invalid_argument for what the request says of its steps. */
  constructor(tools: IterativeTools, request: InferRequest, call: CallContext, id: number) {
    const { iteration, plan, target } = tools;
    this.#tools = tools;
    this.#request = request;
    this.call = call;
    this.#id = plan.controls.some(({ kind, datatype }) => kind === 'corrid' && datatype === 'BYTES')
      ? String(id)
      : id;
    this.#maxSteps = stepsOf(request, iteration.maxSteps);
    this.#take = target.spec.decoupled ? call.takeAnswer : undefined;
    if (target.spec.decoupled && this.#take === undefined) throw refuse.oneAnswer();
    this.#sent = request.inputs.filter(({ name }) => !iteration.sentStates.has(name));
    this.#outputs = outputsOf(plan, iteration, request);
  }

  /** Where its states begin. */
  get begin(): readonly Tensor[] {
    const { initial, iteration } = this.#tools;
    if (iteration.sentStates.size === 0) return initial;
    return initial.map((state) =>
      iteration.sentStates.has(state.name)
        ? (this.#request.inputs.find(({ name }) => name === state.name) ?? state)
        : state,
    );
  }

  /** Why nobody waits for it any more. */
  get gone(): ServingError | undefined {
    return this.#gone;
  }

  /** Its caller is gone, or its time is up: at once where it waits by itself, else with the step that runs. */
  leave(error: ServingError): void {
    this.#gone ??= error;
    this.#interrupt?.(this.#gone);
  }

  /** Learns of cancellation; the batcher takes that over for each step. */
  watch(): void {
    this.call.onCancelled(this.#onCancelled);
  }

  /** Waits for what `begin` promises, unless its caller leaves first. */
  async until(begin: (resolve: () => void, reject: (error: unknown) => void) => void): Promise<void> {
    if (this.#gone !== undefined) throw this.#gone;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#interrupt = reject;
        begin(resolve, reject);
      });
    } finally {
      this.#interrupt = undefined;
    }
  }

  /** All steps, one after the other. @returns the last answer, without outputs where the last step makes none. */
  async run(): Promise<InferResponse> {
    const { target, clock } = this.#tools;
    if (this.#take === undefined) return this.#runSteps(undefined);
    const times = new AnswerTimes(target.statistics, clock);
    try {
      const last = await this.#runSteps(times);
      times.ended(last.outputs.length > 0 ? 'success' : 'empty');
      return last;
    } catch (thrown) {
      const error = ServingError.from(thrown);
      times.failed(error);
      throw error;
    }
  }

  async #runSteps(times: AnswerTimes | undefined): Promise<InferResponse> {
    const { plan, iteration, target } = this.#tools;
    let states = this.begin;
    for (let step = 1; ; step++) {
      if (!this.#tools.keep(this, states)) throw refuse.tooManyBytes(target.spec);
      const response = await this.#step(step, states);
      const { outputs } = response;
      const isLast = step === this.#maxSteps || this.#isTrue(outputs, iteration.stopOutput, false);
      const answers = this.#isTrue(outputs, iteration.emitOutput, true);
      const answer = (): InferResponse => answerTo(this.#request, response, answers ? outputs : []);
      if (answers && (isLast || this.#take !== undefined)) this.#countFirst();
      if (isLast) return answer();
      const next = nextStates(plan, outputs);
      if (typeof next === 'string') throw refuse.badState(target.spec, next);
      states = next;
      if (!answers || this.#take === undefined) continue;
      times?.computed();
      await this.#send(this.#take(answer()));
      times?.ended('success');
    }
  }

  async #step(step: number, states: readonly Tensor[]): Promise<InferResponse> {
    const { plan, submit } = this.#tools;
    const end = step === this.#maxSteps;
    const controls = { start: step === 1, ready: true, end, id: this.#id };
    const inputs = wholeInputs(plan, this.#sent, states, controls);
    const request = { ...this.#request, inputs, outputs: this.#outputs };
    // The batcher watches over the call while it has a step of it.
    const response = await submit(plan.model, request, this.call);
    this.watch();
    if (this.#gone !== undefined) throw this.#gone;
    return response;
  }

  async #send(taken: Promise<void>): Promise<void> {
    using _ = this.#tools.clock.after(readPatienceMs, () => this.leave(refuse.notRead(readPatienceMs)));
    await this.until((resolve, reject) => void taken.then(resolve, reject));
  }

  #countFirst(): void {
    if (this.#answered) return;
    this.#answered = true;
    const { target, clock } = this.#tools;
    target.statistics.recordFirstAnswer(clock.now() - this.call.receivedAt);
  }

  /** What a flag of the model says; `otherwise` where it has none. */
  #isTrue(outputs: readonly Tensor[], name: string, otherwise: boolean): boolean {
    if (name === '') return otherwise;
    const flag = outputs.find((output) => output.name === name);
    if (flag?.datatype !== 'BOOL' || flag.data.byteLength !== 1) {
      throw refuse.badFlag(this.#tools.target.spec, name);
    }
    return flag.data[0] !== 0;
  }
}

function stepsOf({ parameters }: InferRequest, most: number): number {
  const wanted = parameters.get('max_steps');
  if (wanted === undefined) return most;
  if (typeof wanted !== 'number' || !Number.isInteger(wanted) || wanted < 1 || wanted > most) {
    throw refuse.steps(most);
  }
  return wanted;
}

/** What the client asks for, what becomes states, and the flags. */
function outputsOf(
  plan: SequencePlan,
  { stopOutput, emitOutput }: IterationPlan,
  request: InferRequest,
): readonly RequestedOutput[] {
  const outputs = wholeOutputs(plan, [request]);
  for (const name of [stopOutput, emitOutput]) {
    if (name === '' || outputs.some((output) => output.name === name)) continue;
    outputs.push({ name, parameters: noParameters });
  }
  return outputs;
}
