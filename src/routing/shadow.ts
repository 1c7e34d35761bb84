import { ServingError } from '../errors.ts';
import { CallContext } from '../inference/call-context.ts';
import type { Principal } from '../inference/principal.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import { wholeWeight, type ShadowCopies, type TrafficSplit } from '../inference/traffic-split.ts';
import type { ArmCounts } from './arm-counts.ts';
import { answersAgree } from './compare-answers.ts';
import type { AnswerWatcher, AnswerWith, ExperimentTools } from './experiment.ts';
import { outputsValid } from './valid-outputs.ts';

/** Copies that wait; more are dropped, so that a slow shadow holds little memory. */
const mostWaiting = 32;

/** A copy that takes longer is given up. */
const longestMs = 10_000;

/** Behind everybody else in the queue of the shadow's version. */
const shadowCaller: Principal = { name: 'shadow', scopes: new Set(['infer']), weight: 0.01 };

interface Copy {
  readonly request: InferRequest;
  readonly live: InferResponse;
  readonly sizeBytes: number;
  readonly answer: AnswerWith;
}

/**
 * Sends copies of answered requests to a version whose answers nobody gets, and compares them. One at a time in each thread,
 * and it rests after each as long as that took: copies take half of one processor at most, whatever the load is, and
 * those that do not fit into that are dropped.
 */
export class Shadow implements AnswerWatcher {
  readonly #model: string;
  readonly #split: TrafficSplit;
  readonly #copies: ShadowCopies;
  readonly #counts: ArmCounts;
  readonly #tools: ExperimentTools;
  readonly #waiting: Copy[] = [];
  #busy = false;

  constructor(
    model: string,
    split: TrafficSplit & { readonly shadow: ShadowCopies },
    counts: ArmCounts,
    tools: ExperimentTools,
  ) {
    this.#model = model;
    this.#split = split;
    this.#copies = split.shadow;
    this.#counts = counts;
    this.#tools = tools;
  }

  watch(request: InferRequest, live: InferResponse, call: CallContext, answer: AnswerWith): void {
    if (this.#tools.random() * wholeWeight >= this.#copies.weight) return;
    // Shared memory belongs to the client again once it is answered; answers of decoupled models are many.
    if (request.shared !== undefined || call.decoupled) return;
    const { sizeBytes } = call;
    call.onFinished(() => this.#take({ request, live, sizeBytes, answer }));
  }

  #take(copy: Copy): void {
    if (this.#waiting.length >= mostWaiting) {
      this.#counts.dropped += 1;
      return;
    }
    this.#waiting.push(copy);
    if (!this.#busy) void this.#run();
  }

  async #run(): Promise<void> {
    const { clock } = this.#tools;
    this.#busy = true;
    for (;;) {
      const copy = this.#waiting.shift();
      if (copy === undefined) break;
      const startedAt = clock.now();
      await this.#send(copy, startedAt);
      const restMs = clock.now() - startedAt;
      await new Promise<void>((resolve) => {
        clock.after(restMs, resolve);
      });
    }
    this.#busy = false;
  }

  /** Never rejects. */
  async #send({ request, live, sizeBytes, answer }: Copy, now: number): Promise<void> {
    const counts = this.#counts;
    const target = this.#tools.ready(this.#model, this.#copies.version);
    if (target === undefined) {
      counts.dropped += 1;
      return;
    }
    const call = new CallContext(now, now + longestMs, shadowCaller, sizeBytes);
    try {
      const response = await answer(target, request, call);
      const valid = !this.#split.checksOutputs || outputsValid(response, this.#split.ranges);
      counts.addAnswer(this.#tools.clock.now() - now, valid);
      counts.compared += 1;
      if (!answersAgree(live, response, this.#copies)) counts.differed += 1;
    } catch (thrown) {
      const error = ServingError.from(thrown);
      if (error.code === 'resource_exhausted') counts.dropped += 1;
      else if (error.reason === 'INPUT_NOT_COMPUTABLE') counts.addFault();
      else counts.addFailure(error, this.#tools.clock.now() - now);
    } finally {
      call.finish();
    }
  }
}
