import { ServingError } from '../errors.ts';
import type { CallContext } from '../inference/call-context.ts';
import { cachedRows, type CacheReading, type CachingPlan } from '../inference/caching.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Target } from '../inference/target.ts';
import type { Tensor } from '../inference/tensor.ts';
import type { Clock } from '../util/clock.ts';
import { AnswerStore, type StoredAnswer } from './answer-store.ts';
import type { ResultCacheOptions } from './cache-limits.ts';
import {
  Flight,
  hasTermsOfItsOwn,
  letGo,
  type Asked,
  type Beginning,
  type Launch,
  type Waiter,
} from './flight.ts';
import type { ModelCache } from './model-cache.ts';
import { ModelCaches } from './model-caches.ts';
import { cancelledError, deadlineError, failureReason, isAboutTime, isDeterministic } from './refusals.ts';
import { keyOfRows, RequestKeys } from './request-key.ts';
import { RowLook } from './row-look.ts';
import { requestForRows, splitRows } from './rows.ts';
import type { SharedAnswers } from './shared-answers.ts';
import { cachedParameters, isDue, storedError, storedOutputs } from './stored-answer.ts';

/** Part of the memory that may be filled before anybody asks. */
const prefetchShare = 0.5;

/**
 * Answers of the models that ask for it, kept by what was asked. Equal requests that come together are executed once.
 * Belongs to one thread.
 */
export class ResultCache {
  readonly #options: ResultCacheOptions;
  readonly #clock: Clock;
  readonly #store: AnswerStore;
  readonly #keys = new RequestKeys();
  /** Those that have met a request. */
  readonly models = new ModelCaches();
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
    const model = this.models.of(target, plan);
    if (model.random || !model.rule.worthLooking()) {
      model.bypassed[model.random ? 'random_operators' : 'does_not_pay'] += 1;
      return this.#options.submit(target, request, call);
    }
    if (!model.prefetched) this.#prefetch(model);
    const startedAt = this.#clock.now();
    const owner = model.ownerFor(call.principal.name);
    const rowKeys = model.rowwise ? this.#keys.ofRows(owner, request) : undefined;
    const key = rowKeys === undefined ? this.#keys.of(owner, request) : keyOfRows(rowKeys);
    const look = rowKeys && new RowLook(rowKeys, this.#store, startedAt);
    const found = look?.found() ?? this.#store.get(key);
    // Rows that are all there and cannot be joined are no help.
    const rows = look?.missing.length === 0 ? undefined : look;
    const nowMs = this.#clock.now();
    const lookupMs = nowMs - startedAt;
    if (look !== undefined) for (const word of cachedRows) model.rows[word] += look.rows[word];
    if (found !== undefined && nowMs < found.expiresAt + this.#staleMs(found)) {
      model.rule.looked(lookupMs, 1);
      return this.#give(model, found, { key, request, call, nowMs, lookupMs });
    }
    const own = hasTermsOfItsOwn(request);
    const running = own ? undefined : this.#flights.get(key);
    const { promise, resolve, reject } = Promise.withResolvers<InferResponse>();
    const waiter: Waiter = { request, call, resolve, reject, timer: undefined };
    if (running !== undefined && !running.call.cancelled) {
      model.requests.joined += 1;
      model.rule.looked(lookupMs, 1);
      this.#board(running, waiter, nowMs);
    } else {
      model.rule.looked(lookupMs, rows === undefined ? 0 : 1 - rows.share);
      const launch = { key, joinable: !own, waiters: [waiter], first: call, request, nowMs, lookupMs, rows };
      this.#launch(model, launch);
    }
    return promise;
  }

  /** undefined for a target that has met no request yet. */
  reading(target: Target): CacheReading | undefined {
    return this.models.get(target)?.reading(this.#store, this.#options.shared);
  }

  /** The target will not come back: its answers go, unless another of the same content has them too. */
  forget(target: Target): void {
    if (this.models.delete(target)) this.#store.deleteAll(target.spec.digest);
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
    for (const each of this.models.named(model)) {
      each.era += 1;
      this.#store.deleteAll(each.digest);
    }
    // Nobody may join what was begun before.
    for (const [key, flight] of this.#flights) {
      if (flight.era !== flight.model.era) this.#flights.delete(key);
    }
    return before - this.#store.entries;
  }

  /** A failure is not told beyond its time. */
  #staleMs({ error }: StoredAnswer): number {
    return error === undefined ? this.#options.staleMs : 0;
  }

  #give(model: ModelCache, found: StoredAnswer, asked: Asked): Promise<InferResponse> {
    const { request, call, nowMs, lookupMs } = asked;
    const { statistics } = model.target;
    if (found.error !== undefined) {
      model.requests.hit += 1;
      statistics.recordFailure(nowMs - call.receivedAt, failureReason(found.error), call.front);
      return Promise.reject(found.error);
    }
    const stale = nowMs >= found.expiresAt;
    model.requests[stale ? 'stale' : 'hit'] += 1;
    if (stale || isDue(found, nowMs, this.#options.random)) this.#refresh(model, asked);
    this.#options.shared?.noteFound(asked.key, model);
    statistics.recordCacheHit(0, lookupMs);
    statistics.recordSuccess(nowMs - call.receivedAt, call.front);
    return Promise.resolve(answerTo(request, model, found.outputs));
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
      rows: undefined,
    });
  }

  #launch(model: ModelCache, launch: Launch): void {
    const { key, joinable, waiters, first, request, nowMs, lookupMs, rows } = launch;
    const flight = new Flight({
      rows,
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
    const asks =
      joinable &&
      waiters.length > 0 &&
      rows === undefined &&
      shared?.worthAsking(model.rule.computeMs) === true;
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
    const { model, lookupMs } = flight;
    if (lookupMs !== undefined) model.requests.miss += 1;
    this.#submit(flight, key);
  }

  #submit(flight: Flight, key: string): void {
    const { model, request, call, rows } = flight;
    const asked = rows === undefined || rows.isWhole ? request : requestForRows(request, rows.missing);
    this.#options.submit(model.target, asked, call).then(
      (response) => this.#arrived(flight, key, response),
      (error: unknown) => this.#crashed(flight, key, ServingError.from(error)),
    );
  }

  #arrived(flight: Flight, key: string, response: InferResponse): void {
    const outputs = this.#keepRows(flight, response.outputs);
    if (outputs === undefined) this.#submit(flight, key);
    else this.#landed(flight, key, { ...response, outputs });
  }

  /** Once for each model: has what others are asked for most before anybody asks here. */
  #prefetch(model: ModelCache): void {
    const { shared, maxBytes } = this.#options;
    if (shared === undefined) model.prefetched = true;
    if (shared?.usable !== true) return;
    model.prefetched = true;
    const { era } = model;
    void shared.prefetch(model, (key, outputs) => {
      const wanted = model.era === era && this.#store.sizeBytes < maxBytes * prefetchShare;
      if (wanted && !this.#store.has(key))
        this.#keep({ model, era, startedAt: this.#clock.now() - model.rule.computeMs }, key, outputs);
      return wanted;
    });
  }

  /** Another server has computed it. */
  #fetched(flight: Flight, key: string, outputs: readonly Tensor[]): void {
    const { model, call, waiters, lookupMs = 0 } = flight;
    const { statistics } = model.target;
    const stored = this.#keep(flight, key, outputs);
    const nowMs = this.#clock.now();
    model.rule.foundElsewhere();
    this.#options.shared?.noteFound(key, model);
    if (flight.lookupMs !== undefined) model.requests.shared += 1;
    if (call.cancelled) this.#countFailure(model, call, cancelledError());
    for (const waiter of waiters) {
      letGo(waiter);
      statistics.recordCacheHit(0, waiter.call.receivedAt === call.receivedAt ? lookupMs : 0);
      statistics.recordSuccess(nowMs - waiter.call.receivedAt, waiter.call.front);
      waiter.resolve(answerTo(waiter.request, model, stored.outputs));
    }
    this.#end(flight);
  }

  /**
   * Keeps the rows that were computed, where rows have answers of their own.
   *
   * @returns all outputs; undefined when rows turn out to have none of their own, and all have to be computed.
   */
  #keepRows(flight: Flight, outputs: readonly Tensor[]): readonly Tensor[] | undefined {
    const { model, rows } = flight;
    if (rows === undefined) return outputs;
    const computed = splitRows(outputs, rows.missing.length);
    const joined = computed && (rows.isWhole ? outputs : rows.completed(computed));
    if (computed === undefined || joined === undefined) {
      model.rowwise = false;
      flight.rows = undefined;
      return rows.isWhole ? outputs : undefined;
    }
    for (const [index, row] of rows.missing.entries()) {
      this.#keep(flight, rows.keys[row] ?? '', computed[index] ?? []);
    }
    return joined;
  }

  #keep({ model, startedAt, era }: Beginning, key: string, outputs: readonly Tensor[]): StoredAnswer {
    const costMs = this.#clock.now() - startedAt;
    const { ttlMs } = this.#options;
    const expiresAt = ttlMs === 0 ? Infinity : this.#clock.now() + ttlMs;
    const stored = storedOutputs(outputs, { digest: model.digest, costMs, expiresAt });
    if (era === model.era) this.#store.set(key, stored);
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
    const { statistics } = model.target;
    const landedAt = this.#clock.now();
    const { rows } = flight;
    const stored = rows === undefined ? this.#keep(flight, key, response.outputs) : undefined;
    const nowMs = this.#clock.now();
    const times = call.times;
    if (times !== undefined && times.shareMs > 0) {
      model.rule.computed(times.shareMs / (rows?.share ?? 1));
    }
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
      waiter.resolve(counted ? answerTo(request, model, response.outputs) : { ...response, id: request.id });
      counted = true;
    }
    const { shared } = this.#options;
    const offered = stored !== undefined && flight.key !== '' && flight.era === model.era;
    if (offered && shared?.worthKeeping(model.rule.computeMs) === true) {
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
      rows: flight.rows,
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

function answerTo({ id }: InferRequest, { target }: ModelCache, outputs: readonly Tensor[]): InferResponse {
  const { name, version } = target.spec;
  return { model: name, version, id, outputs, parameters: cachedParameters };
}
