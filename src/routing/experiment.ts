import { ServingError } from '../errors.ts';
import type { CallContext } from '../inference/call-context.ts';
import type { InferRequest, Parameters } from '../inference/request.ts';
import { noParameters } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Target } from '../inference/target.ts';
import {
  wholeWeight,
  type ArmReading,
  type Assignment,
  type TrafficSplit,
} from '../inference/traffic-split.ts';
import type { Clock } from '../util/clock.ts';
import type { ArmCounts } from './arm-counts.ts';
import { armOfBucket, armOfKey, bucketOfKey, seedOf, seedOfArm } from './choose-arm.ts';
import type { KeptArms } from './kept-arms.ts';
import { armNotReady, mayNotChoose, noSuchArm } from './refusals.ts';
import { findKey, headerOf } from './sticky-key.ts';
import { outputsValid } from './valid-outputs.ts';

/** The header with which a tester names the arm that is to answer. */
const armHeader = 'tensorgate-arm';

/** Takes a request from here on: what the pipeline does once it knows the target. May throw at once. */
export type AnswerWith = (target: Target, request: InferRequest, call: CallContext) => Promise<InferResponse>;

/** Sees each answer of the live arms once it is there. */
export interface AnswerWatcher {
  /** Returns at once. Neither the request nor the answer may be changed. */
  watch(request: InferRequest, response: InferResponse, call: CallContext, answer: AnswerWith): void;
}

export interface ExperimentTools {
  readonly clock: Clock;
  /** 0 to 1, 1 excluded. */
  readonly random: () => number;
  /** The target of a version that can be routed to now. */
  readonly ready: (model: string, version: string) => Target | undefined;
}

interface LiveArm {
  readonly assignment: Assignment;
  readonly weight: number;
  /** By which it draws lots for keys, where there are more than two. */
  readonly seed: number;
  readonly counts: ArmCounts;
  /** What its answers say of it. */
  readonly parameters: Parameters;
}

interface ExperimentParts {
  /** Of an arm, by label and version: what it had before, or new ones. */
  readonly counts: (label: string, version: string) => ArmCounts;
  readonly tools: ExperimentTools;
  readonly watcher: AnswerWatcher | undefined;
  /** Of the same rollout; undefined where nothing is reported for its answers. */
  readonly kept: KeptArms | undefined;
}

/** One model's split in one thread: gives each request its arm, and counts what became of it. */
export class Experiment {
  readonly model: string;
  readonly split: TrafficSplit;
  readonly #arms: readonly LiveArm[];
  readonly #seed: number;
  readonly #tools: ExperimentTools;
  readonly #watcher: AnswerWatcher | undefined;
  readonly #kept: KeptArms | undefined;

  constructor(model: string, split: TrafficSplit, { counts, tools, watcher, kept }: ExperimentParts) {
    this.model = model;
    this.split = split;
    this.#tools = tools;
    this.#watcher = watcher;
    this.#kept = kept;
    const seed = seedOf(split.salt);
    this.#seed = seed;
    this.#arms = split.arms.map(({ label, version, weight }) => ({
      assignment: { experiment: split.experiment, arm: label, version },
      weight,
      seed: seedOfArm(label, seed),
      counts: counts(label, version),
      parameters: new Map([
        ['tensorgate_experiment', split.experiment],
        ['tensorgate_arm', label],
      ]),
    }));
  }

  /** The baseline's target, or another arm's when that one cannot be routed to: what serves without a choice. */
  get target(): Target | undefined {
    for (const { assignment } of this.#arms) {
      const target = this.#tools.ready(this.model, assignment.version);
      if (target !== undefined) return target;
    }
    return undefined;
  }

  /** @returns undefined when no arm can answer, and the model is served as if it had no experiment. @throws as `answer`. */
  serve(request: InferRequest, call: CallContext, answer: AnswerWith): Promise<InferResponse> | undefined {
    const wanted = headerOf(call, armHeader);
    if (wanted !== undefined) return this.#serveTester(wanted, request, call, answer);
    const arm = this.#arms[this.#choose(request, call)];
    const target = arm && this.#tools.ready(this.model, arm.assignment.version);
    if (arm === undefined || target === undefined) return this.#fallBack(arm, request, call, answer);
    if (this.#kept !== undefined && request.id !== '')
      this.#kept.keep(call.principal.name, request.id, arm.assignment.arm);
    return this.#answer(arm, target, { request, call, answer });
  }

  read(): ArmReading[] {
    return this.#arms.map(({ assignment, counts }) => counts.read(this.model, assignment));
  }

  /** The label of the arm that a sticky key has now. */
  armOf(key: string): string {
    return this.#arms[this.#choiceOf(key)]?.assignment.arm ?? '';
  }

  #choose(request: InferRequest, call: CallContext): number {
    const key = findKey(this.split.stickyKeys, request, call);
    if (key !== undefined) return this.#choiceOf(key);
    return armOfBucket(this.#arms, Math.floor(this.#tools.random() * wholeWeight));
  }

  /** Two arms share a line, on which only its one end moves; more draw lots. */
  #choiceOf(key: string): number {
    return this.#arms.length > 2
      ? armOfKey(this.#arms, key)
      : armOfBucket(this.#arms, bucketOfKey(key, this.#seed));
  }

  /** Not counted: testers send what others do not. */
  async #serveTester(
    wanted: string,
    request: InferRequest,
    call: CallContext,
    answer: AnswerWith,
  ): Promise<InferResponse> {
    if (!call.principal.scopes.has('route')) throw mayNotChoose();
    const arm = this.#arms.find(({ assignment }) => assignment.arm === wanted);
    if (arm === undefined) throw noSuchArm(this.model, wanted, this.#labels());
    const target = this.#tools.ready(this.model, arm.assignment.version);
    if (target === undefined) throw armNotReady(this.model, wanted);
    assign(call, arm);
    return withParameters(await answer(target, request, call), arm.parameters);
  }

  #labels(): string {
    return this.#arms.map(({ assignment }) => assignment.arm).join(', ');
  }

  async #answer(arm: LiveArm, target: Target, asked: Asked): Promise<InferResponse> {
    const { request, call, answer } = asked;
    const { clock } = this.#tools;
    assign(call, arm);
    const take = call.takeAnswer;
    call.takeAnswer = take && ((part) => take(withParameters(part, arm.parameters)));
    let response: InferResponse;
    try {
      response = await answer(target, request, call);
    } catch (thrown) {
      const rescued = await this.#rescue(arm, ServingError.from(thrown), asked);
      if (rescued !== undefined) return rescued;
      throw thrown;
    }
    const valid = !this.split.checksOutputs || outputsValid(response, this.split.ranges);
    arm.counts.addAnswer(clock.now() - call.receivedAt, valid);
    this.#watcher?.watch(request, response, call, answer);
    return withParameters(response, arm.parameters);
  }

  /**
   * Counts a failure; what another version than the baseline failed at, the baseline is asked, so that users of a version
   * that is being tried lose nothing but time.
   */
  async #rescue(arm: LiveArm, error: ServingError, asked: Asked): Promise<InferResponse | undefined> {
    const { request, call, answer } = asked;
    const { counts } = arm;
    const breaker = error.reason === 'MODEL_BREAKER_OPEN';
    // Whose fault that is, the baseline shows.
    const doubtful = error.reason === 'INPUT_NOT_COMPUTABLE';
    if (breaker) counts.broken += 1;
    if (arm === this.#arms[0] || !breaker)
      counts.addFailure(error, this.#tools.clock.now() - call.receivedAt);
    if (arm === this.#arms[0] || call.decoupled || call.cancelled) return undefined;
    if (!doubtful && error.code !== 'internal' && error.code !== 'unavailable') return undefined;
    const response = await this.#fallBack(arm, request, call, answer);
    if (doubtful && response !== undefined) counts.addFault();
    return response;
  }

  /** To the first arm that can answer, the baseline before all others. */
  #fallBack(
    failed: LiveArm | undefined,
    request: InferRequest,
    call: CallContext,
    answer: AnswerWith,
  ): Promise<InferResponse> | undefined {
    for (const arm of this.#arms) {
      if (arm === failed) continue;
      const target = this.#tools.ready(this.model, arm.assignment.version);
      if (target === undefined) continue;
      if (failed !== undefined) failed.counts.fallbacks += 1;
      assign(call, arm);
      return answer(target, request, call).then((response) => withParameters(response, arm.parameters));
    }
    return undefined;
  }
}

function assign(call: CallContext, { assignment }: LiveArm): void {
  call.experiment = assignment.experiment;
  call.arm = assignment.arm;
}

interface Asked {
  readonly request: InferRequest;
  readonly call: CallContext;
  readonly answer: AnswerWith;
}

function withParameters(response: InferResponse, own: Parameters): InferResponse {
  const { parameters } = response;
  return {
    ...response,
    parameters: parameters === noParameters || parameters.size === 0 ? own : new Map([...parameters, ...own]),
  };
}
