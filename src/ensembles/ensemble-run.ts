import { ServingError } from '../errors.ts';
import { CallContext, type ComputeTimes } from '../inference/call-context.ts';
import type { EnsembleStep } from '../inference/ensemble.ts';
import { noParameters, type InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Target } from '../inference/target.ts';
import type { Tensor } from '../inference/tensor.ts';
import type { Clock } from '../util/clock.ts';
import { fitTensor } from './fit-tensor.ts';
import { neededSteps, type NeededSteps } from './needed-steps.ts';
import type { PinnedEnsemble, PinnedStep } from './pinned.ts';
import { budgetError, missingOutputError, stepError } from './refusals.ts';

/** Bytes that the process holds for requests; admission's budget. */
export interface Budget {
  take(sizeBytes: number): boolean;
  release(sizeBytes: number): void;
  couldHold(sizeBytes: number): boolean;
}

/** Checks a request against its model and puts its inputs in order, as admission does with those of clients. */
export type ValidateRequest = (target: Target, request: InferRequest, call: CallContext) => InferRequest;

export interface RunTools {
  readonly clock: Clock;
  readonly budget: Budget;
  readonly validate: ValidateRequest;
  readonly submit: (step: PinnedStep, request: InferRequest, call: CallContext) => Promise<InferResponse>;
}

export interface RunEvents {
  answered(response: InferResponse, times: ComputeTimes): void;
  failed(error: ServingError): void;
  /** Nothing of the request waits or runs any more; after one of the others. */
  ended(): void;
}

/** One request on its way through the steps of an ensemble. Steps start as soon as what they read is there. */
export class EnsembleRun {
  readonly #pinned: PinnedEnsemble;
  readonly #request: InferRequest;
  readonly #call: CallContext;
  readonly #tools: RunTools;
  readonly #events: RunEvents;
  readonly #needed: NeededSteps;
  /** By index of the plan; undefined before they are written, and for optional inputs that were not sent. */
  readonly #tensors: (Tensor | undefined)[];
  /** Of each step: what it reads and is not yet there. */
  readonly #missing: number[];
  readonly #running = new Set<CallContext>();
  readonly #takenBytes: number[] = [];
  readonly #times: ComputeTimes = { inputMs: 0, inferMs: 0, outputMs: 0, shareMs: 0 };
  #stepsLeft: number;
  #settled = false;

  constructor(
    pinned: PinnedEnsemble,
    own: { readonly request: InferRequest; readonly call: CallContext },
    tools: RunTools,
    events: RunEvents,
  ) {
    const { plan } = pinned;
    this.#pinned = pinned;
    this.#request = own.request;
    this.#call = own.call;
    this.#tools = tools;
    this.#events = events;
    this.#needed = neededSteps(plan, own.request);
    this.#stepsLeft = this.#needed.count;
    this.#tensors = plan.tensors.map(() => undefined);
    this.#missing = plan.steps.map(({ inputs }) => inputs.length);
  }

  start(): void {
    this.#call.onCancelled(() => this.#cancelSteps());
    const ready: number[] = [];
    const { spec } = this.#pinned.target;
    // Inputs stand in the model's order, without the optional ones that were not sent.
    let next = 0;
    for (const [tensor, { name }] of spec.inputs.entries()) {
      const sent = this.#request.inputs[next];
      if (sent?.name === name) next += 1;
      this.#place(tensor, sent?.name === name ? sent : undefined, ready);
    }
    for (const step of ready) this.#startStep(step);
  }

  #place(index: number, tensor: Tensor | undefined, ready: number[]): void {
    this.#tensors[index] = tensor;
    for (const reader of this.#pinned.plan.readers[index] ?? []) {
      if (this.#needed.outputs[reader] === undefined) continue;
      const missing = (this.#missing[reader] ?? 0) - 1;
      this.#missing[reader] = missing;
      if (missing === 0) ready.push(reader);
    }
  }

  #startStep(index: number): void {
    const step = this.#pinned.plan.steps[index];
    const pinned = this.#pinned.steps[index];
    const outputs = this.#needed.outputs[index];
    if (this.#settled || step === undefined || pinned === undefined || outputs === undefined) return;
    const call = this.#stepCall();
    this.#running.add(call);
    let answer: Promise<InferResponse>;
    try {
      const request = {
        model: step.model,
        version: pinned.target.spec.version,
        id: this.#request.id,
        inputs: this.#inputsOf(step, pinned.target),
        outputs,
        parameters: this.#request.parameters,
      };
      answer = this.#tools.submit(pinned, this.#tools.validate(pinned.target, request, call), call);
    } catch (error) {
      answer = Promise.reject(ServingError.from(error));
    }
    answer.then(
      (response) => this.#onAnswer(step, call, response),
      (error: unknown) => this.#onFailure(step, call, error),
    );
  }

  #stepCall(): CallContext {
    const { deadline, principal, streaming, front } = this.#call;
    const call = new CallContext(this.#tools.clock.now(), deadline, principal);
    call.streaming = streaming;
    call.front = front;
    call.origin = this.#call;
    call.times = this.#times;
    if (this.#call.cancelled) call.cancel();
    return call;
  }

  #inputsOf({ inputs }: EnsembleStep, { spec }: Target): readonly Tensor[] {
    const fitted: Tensor[] = [];
    for (const { name, tensor } of inputs) {
      const wanted = spec.inputsByName.get(name);
      const found = this.#tensors[tensor];
      if (found !== undefined && wanted !== undefined) fitted.push(fitTensor(found, spec, wanted));
    }
    return fitted;
  }

  #onAnswer(step: EnsembleStep, call: CallContext, response: InferResponse): void {
    this.#leave(call);
    if (!this.#settled) {
      const ready: number[] = [];
      const error = this.#take(step, response, ready);
      this.#stepsLeft -= 1;
      if (error !== undefined) this.#fail(stepError(this.#pinned.target.spec.name, step.model, error));
      else if (this.#stepsLeft === 0) this.#answer();
      for (const next of ready) this.#startStep(next);
    }
    this.#endWhenIdle();
  }

  #onFailure(step: EnsembleStep, call: CallContext, error: unknown): void {
    this.#leave(call);
    this.#fail(stepError(this.#pinned.target.spec.name, step.model, ServingError.from(error)));
    this.#endWhenIdle();
  }

  #leave(call: CallContext): void {
    this.#running.delete(call);
    call.finish();
  }

  /** Notes what a step wrote. What other steps will read is held for longer than an answer would be, and counted. */
  #take({ outputs }: EnsembleStep, response: InferResponse, ready: number[]): ServingError | undefined {
    let sizeBytes = 0;
    for (const { name, tensor } of outputs) {
      const found = response.outputs.find((output) => output.name === name);
      if (found === undefined) {
        if (this.#isNeeded(tensor)) return missingOutputError(name);
        continue;
      }
      if (this.#isRead(tensor)) sizeBytes += found.data.byteLength;
      this.#place(tensor, found, ready);
    }
    if (sizeBytes === 0) return undefined;
    const { budget } = this.#tools;
    if (!budget.take(sizeBytes)) return budgetError(sizeBytes, budget.couldHold(sizeBytes));
    this.#takenBytes.push(sizeBytes);
    return undefined;
  }

  #isRead(tensor: number): boolean {
    const readers = this.#pinned.plan.readers[tensor] ?? [];
    return readers.some((reader) => this.#needed.outputs[reader] !== undefined);
  }

  #isNeeded(tensor: number): boolean {
    const name = this.#pinned.plan.tensors[tensor];
    return this.#isRead(tensor) || this.#request.outputs.some((output) => output.name === name);
  }

  #answer(): void {
    const { target, plan } = this.#pinned;
    const outputs: Tensor[] = [];
    for (const { name } of this.#request.outputs) {
      const wanted = target.spec.outputsByName.get(name);
      const found = this.#tensors[plan.tensors.indexOf(name)];
      if (wanted === undefined || found === undefined) throw new Error('bug: an output was not written');
      outputs.push(fitTensor(found, target.spec, wanted));
    }
    this.#settle();
    const { name: model, version } = target.spec;
    const { id } = this.#request;
    this.#events.answered({ model, version, id, outputs, parameters: noParameters }, this.#times);
  }

  #fail(error: ServingError): void {
    if (this.#settled) return;
    this.#settle();
    this.#events.failed(error);
    this.#cancelSteps();
  }

  #settle(): void {
    this.#settled = true;
    this.#call.onCancelled(undefined);
  }

  #cancelSteps(): void {
    for (const call of this.#running) call.cancel();
  }

  #endWhenIdle(): void {
    if (!this.#settled || this.#running.size > 0) return;
    for (const sizeBytes of this.#takenBytes) this.#tools.budget.release(sizeBytes);
    this.#takenBytes.length = 0;
    this.#events.ended();
  }
}
