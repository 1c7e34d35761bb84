import { ServingError } from '../errors.ts';
import type { CallContext } from '../inference/call-context.ts';
import type { CacheReading, CachingPlan } from '../inference/caching.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Target } from '../inference/target.ts';
import type { Tensor } from '../inference/tensor.ts';
import type { Clock } from '../util/clock.ts';
import { AnswerStore, type StoredAnswer } from './answer-store.ts';
import { Flight, type Waiter } from './flight.ts';
import { ModelCache } from './model-cache.ts';
import { cancelledError, deadlineError, failureReason, isAboutTime, isDeterministic } from './refusals.ts';
import { RequestKeys } from './request-key.ts';
import type { SharedAnswers } from './shared-answers.ts';
import { cachedParameters, storedError, storedOutputs } from './stored-answer.ts';

/** Hands a request, valid for its target, to whoever executes it. */
export type Submit = (target: Target, request: InferRequest, call: CallContext) => Promise<InferResponse>;

export interface CacheLimits {
  /** Of the answers kept, and of what keeping them costs. */
  readonly maxBytes: number;
  /** How long an answer may be given; 0: as long as it is kept. */
  readonly ttlMs: number;
  /** How much longer it may be given while a new one is computed. */
  readonly staleMs: number;
}

export interface ResultCacheOptions extends CacheLimits {
  readonly submit: Submit;
  readonly clock: Clock;
  /** Where answers are shared with other servers; undefined for nowhere. */
  readonly shared: SharedAnswers | undefined;
  /** From 0 to 1, never 0. */
  readonly random: () => number;
}

/**
 * Answers of the models that ask for it, kept by what was asked. Equal requests that come together are executed once.
 * Belongs to one thread.
 */
export class ResultCache {
  readonly #options: ResultCacheOptions;
  readonly #clock: Clock;
  readonly #store: AnswerStore;
  readonly #keys = new RequestKeys();
  readonly #models = new Map<Target, ModelCache>();
  readonly #flights = new Map<string, Flight>();

  constructor(options: ResultCacheOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#store = new AnswerStore(options.maxBytes);
    const { shared } = options;
    if (shared !== undefined) shared.onPurged = (model) => void this.#drop(model);
  }

  submit(
    target: Target,
    plan: CachingPlan,
    request: InferRequest,
    call: CallContext,
  ): Promise<InferResponse> {
    const model = this.#modelOf(target, plan);
    if (model.random || !model.rule.worthLooking()) {
      model.bypassed[model.random ? 'random_operators' : 'does_not_pay'] += 1;
      return this.#options.submit(target, request, call);
    }
    const startedAt = this.#clock.now();
    const key = this.#keys.of(model.ownerFor(call.principal.name), request);
    const found = this.#store.get(key);
    const nowMs = this.#clock.now();
    const lookupMs = nowMs - startedAt;
    if (found !== undefined && nowMs < found.expiresAt + this.#staleMs(found)) {
      model.rule.looked(lookupMs, 'hit');
      return this.#give(model, found, { key, request, call, nowMs, lookupMs });
    }
    const own = hasTermsOfItsOwn(request);
    const running = own ? undefined : this.#flights.get(key);
    const { promise, resolve, reject } = Promise.withResolvers<InferResponse>();
    const waiter: Waiter = { request, call, resolve, reject, timer: undefined };
    if (running !== undefined && !running.call.cancelled) {
      model.requests.joined += 1;
      model.rule.looked(lookupMs, 'hit');
      this.#board(running, waiter, nowMs);
    } else {
      model.rule.looked(lookupMs, 'miss');
      this.#launch(model, { key, joinable: !own, waiters: [waiter], first: call, request, nowMs, lookupMs });
    }
    return promise;
  }

  /** undefined for a target that has met no request yet. */
  reading(target: Target): CacheReading | undefined {
    return this.#models.get(target)?.reading(this.#store, this.#options.shared);
  }

  targets(): Iterable<Target> {
    return this.#models.keys();
  }

  /** Resolves when nothing runs on behalf of callers that wait here. */
  idle(target: Target): Promise<void> {
    return this.#models.get(target)?.idle() ?? Promise.resolve();
  }

  /** True while an execution is under way on behalf of callers that wait here. */
  isRunning(target: Target): boolean {
    return (this.#models.get(target)?.running ?? 0) > 0;
  }

  /** The target will not come back: its answers go, unless another of the same content has them too. */
  forget(target: Target): void {
    if (!this.#models.delete(target)) return;
    const { digest } = target.spec;
    for (const other of this.#models.values()) if (other.digest === digest) return;
    this.#store.deleteAll(digest);
  }

  /**
   * Forgets the answers of all versions of a model, or of all models for '', in all servers that share them. What is being
   * computed is answered, and not kept.
   *
   * @returns how many were kept here.
   * @throws (rejects with) unavailable when other servers cannot be told.
   */
  async purge(model: string, at: number): Promise<number> {
    const { shared } = this.#options;
    const dropped = this.#drop(model);
    await shared?.purge(model, at);
    return dropped;
  }

  #drop(model: string): number {
    const before = this.#store.entries;
    for (const each of this.#models.values()) {
      if (model !== '' && each.name !== model) continue;
      each.era += 1;
      this.#store.deleteAll(each.digest);
    }
    // Nobody may join what was begun before.
    for (const [key, flight] of this.#flights) {
      if (flight.era !== flight.model.era) this.#flights.delete(key);
    }
    return before - this.#store.entries;
  }

  #modelOf(target: Target, plan: CachingPlan): ModelCache {
    let model = this.#models.get(target);
    if (model === undefined) {
      model = new ModelCache(target, plan);
      this.#models.set(target, model);
    }
    return model;
  }

  /** A failure is not told beyond its time. */
  #staleMs({ error }: StoredAnswer): number {
    return error === undefined ? this.#options.staleMs : 0;
  }

  #give(model: ModelCache, found: StoredAnswer, asked: Asked): Promise<InferResponse> {
    const { request, call, nowMs, lookupMs } = asked;
    const { spec, statistics } = model.target;
    if (found.error !== undefined) {
      model.requests.hit += 1;
      statistics.recordFailure(nowMs - call.receivedAt, failureReason(found.error), call.front);
      return Promise.reject(found.error);
    }
    const stale = nowMs >= found.expiresAt;
    model.requests[stale ? 'stale' : 'hit'] += 1;
    if (stale || this.#isDue(found, nowMs)) this.#refresh(model, asked);
    statistics.recordCacheHit(0, lookupMs);
    statistics.recordSuccess(nowMs - call.receivedAt, call.front);
    return Promise.resolve({
      model: spec.name,
      version: spec.version,
      id: request.id,
      outputs: found.outputs,
      parameters: cachedParameters,
    });
  }

  /**
   * XFetch: with growing probability towards the end of an answer's time, and the earlier the longer it takes to make, so
   * that one request renews it instead of all at once when it is gone.
   */
  #isDue({ expiresAt, costMs }: StoredAnswer, nowMs: number): boolean {
    return expiresAt !== Infinity && nowMs - costMs * Math.log(this.#options.random()) >= expiresAt;
  }

  /** Computes the answer again while callers have the old one. */
  #refresh(model: ModelCache, { key, request, call, nowMs }: Asked): void {
    if (this.#flights.has(key) || hasTermsOfItsOwn(request)) return;
    this.#launch(model, {
      key,
      joinable: true,
      waiters: [],
      first: call,
      request,
      nowMs,
      lookupMs: undefined,
    });
  }

  #launch(model: ModelCache, { key, joinable, waiters, first, request, nowMs, lookupMs }: Launch): void {
    const flight = new Flight({
      model,
      key: joinable ? key : '',
      request,
      first,
      deadline: waiters.length === 0 ? Infinity : first.deadline,
      startedAt: nowMs,
      lookupMs,
    });
    model.running += 1;
    if (joinable) this.#flights.set(key, flight);
    for (const waiter of waiters) this.#board(flight, waiter, nowMs);
    const { shared } = this.#options;
    const asks = joinable && waiters.length > 0 && shared?.worthAsking(model.rule.computeMs) === true;
    if (shared === undefined || !asks) this.#execute(flight, key);
    else void this.#ask(shared, flight, key, first.deadline - nowMs);
  }

  /** Never rejects. */
  async #ask(shared: SharedAnswers, flight: Flight, key: string, slackMs: number): Promise<void> {
    const outputs = await shared.find(key, slackMs, flight.model);
    if (outputs === undefined) this.#execute(flight, key);
    else this.#fetched(flight, key, outputs);
  }

  #execute(flight: Flight, key: string): void {
    const { model, request, call, lookupMs } = flight;
    if (lookupMs !== undefined) model.requests.miss += 1;
    this.#options.submit(model.target, request, call).then(
      (response) => this.#landed(flight, key, response),
      (error: unknown) => this.#crashed(flight, key, ServingError.from(error)),
    );
  }

  /** Another server has computed it. */
  #fetched(flight: Flight, key: string, outputs: readonly Tensor[]): void {
    const { model, call, waiters, lookupMs = 0 } = flight;
    const { statistics, spec } = model.target;
    const stored = this.#keep(flight, key, outputs);
    const nowMs = this.#clock.now();
    model.rule.foundElsewhere();
    if (flight.lookupMs !== undefined) model.requests.shared += 1;
    if (call.cancelled) this.#countFailure(model, call, cancelledError());
    for (const waiter of waiters) {
      letGo(waiter);
      statistics.recordCacheHit(0, waiter.call.receivedAt === call.receivedAt ? lookupMs : 0);
      statistics.recordSuccess(nowMs - waiter.call.receivedAt, waiter.call.front);
      waiter.resolve({
        model: spec.name,
        version: spec.version,
        id: waiter.request.id,
        outputs: stored.outputs,
        parameters: cachedParameters,
      });
    }
    this.#end(flight);
  }

  #keep(flight: Flight, key: string, outputs: readonly Tensor[]): StoredAnswer {
    const { ttlMs } = this.#options;
    const nowMs = this.#clock.now();
    const expiresAt = ttlMs === 0 ? Infinity : nowMs + ttlMs;
    const costMs = nowMs - flight.startedAt;
    const stored = storedOutputs(outputs, { digest: flight.model.digest, costMs, expiresAt });
    if (flight.era === flight.model.era) this.#store.set(key, stored);
    return stored;
  }

  #board(flight: Flight, waiter: Waiter, nowMs: number): void {
    const { call } = waiter;
    flight.waiters.add(waiter);
    if (call.deadline < flight.call.deadline) {
      waiter.timer = this.#clock.after(call.deadline - nowMs, () =>
        this.#leave(flight, waiter, deadlineError()),
      );
    }
    call.onCancelled(() => this.#leave(flight, waiter, cancelledError()));
  }

  /** The execution goes on for the others; without any it ends if it has not begun. */
  #leave(flight: Flight, waiter: Waiter, error: ServingError): void {
    if (!flight.waiters.delete(waiter)) return;
    letGo(waiter);
    if (flight.waiters.size === 0) flight.call.cancel();
    else this.#countFailure(flight.model, waiter.call, error);
    waiter.reject(error);
  }

  #landed(flight: Flight, key: string, response: InferResponse): void {
    const { model, call, lookupMs = 0 } = flight;
    const { statistics, spec } = model.target;
    const landedAt = this.#clock.now();
    const stored = this.#keep(flight, key, response.outputs);
    const nowMs = this.#clock.now();
    const times = call.times;
    if (times !== undefined && times.shareMs > 0) model.rule.computed(times.shareMs);
    model.rule.kept(nowMs - landedAt);
    statistics.recordCacheMiss(lookupMs + nowMs - landedAt);
    // What the batcher has counted for the execution stands for the first of them.
    let counted = false;
    for (const waiter of flight.waiters) {
      letGo(waiter);
      const { request, call: own } = waiter;
      if (counted) {
        statistics.recordCacheHit(0, 0);
        statistics.recordSuccess(nowMs - own.receivedAt, own.front);
      } else if (own.times !== undefined && times !== undefined) {
        own.times.inputMs += times.inputMs;
        own.times.inferMs += times.inferMs;
        own.times.outputMs += times.outputMs;
        own.times.shareMs += times.shareMs;
      }
      waiter.resolve({
        model: spec.name,
        version: spec.version,
        id: request.id,
        outputs: response.outputs,
        parameters: counted ? cachedParameters : response.parameters,
      });
      counted = true;
    }
    const { shared } = this.#options;
    const keep = flight.key !== '' && flight.era === model.era;
    if (keep && shared?.worthKeeping(model.rule.computeMs) === true) {
      shared.offer(key, stored.outputs, model);
    }
    this.#end(flight);
  }

  #crashed(flight: Flight, key: string, error: ServingError): void {
    const { model, call, waiters } = flight;
    const nowMs = this.#clock.now();
    if (isDeterministic(error) && flight.era === model.era)
      this.#store.set(key, storedError(error, model.digest, nowMs));
    const aboutTime = isAboutTime(error);
    const again: Waiter[] = [];
    let counted = false;
    for (const waiter of waiters) {
      letGo(waiter);
      if (aboutTime && waiter.call.deadline > call.deadline) {
        again.push(waiter);
        continue;
      }
      if (counted) this.#countFailure(model, waiter.call, error);
      counted = true;
      waiter.reject(error);
    }
    this.#end(flight);
    const [first] = again;
    if (first === undefined) return;
    const { request, call: next } = first;
    const launch = {
      key,
      joinable: flight.key !== '',
      waiters: again,
      first: next,
      request,
      nowMs,
      lookupMs: undefined,
    };
    this.#launch(model, launch);
  }

  #end(flight: Flight): void {
    if (this.#flights.get(flight.key) === flight) this.#flights.delete(flight.key);
    flight.waiters.clear();
    flight.call.finish();
    flight.model.ended();
  }

  #countFailure({ target }: ModelCache, call: CallContext, error: ServingError): void {
    target.statistics.recordFailure(this.#clock.now() - call.receivedAt, failureReason(error), call.front);
  }
}

interface Asked {
  readonly key: string;
  readonly request: InferRequest;
  readonly call: CallContext;
  readonly nowMs: number;
  readonly lookupMs: number;
}

interface Launch {
  readonly key: string;
  readonly joinable: boolean;
  readonly waiters: readonly Waiter[];
  readonly first: CallContext;
  readonly request: InferRequest;
  readonly nowMs: number;
  readonly lookupMs: number | undefined;
}

function letGo(waiter: Waiter): void {
  waiter.timer?.[Symbol.dispose]();
  waiter.timer = undefined;
  waiter.call.onCancelled(undefined);
}

/** Who asks to go first, or not to wait for long, shares no execution with who does not. */
function hasTermsOfItsOwn({ parameters }: InferRequest): boolean {
  return parameters.size > 0 && (parameters.has('priority') || parameters.has('timeout'));
}
