import { ServingError } from '../errors.ts';
import type { CallContext } from '../inference/call-context.ts';
import type { RouteOnDemand, Router } from '../inference/target.ts';
import type { Clock } from '../util/clock.ts';
import { memoryReason } from './memory-budget.ts';

/** Requests that may wait for models to be loaded, and their bytes: they have not been counted by admission yet. */
const mostWaiting = 1024;
const mostWaitingBytes = 64 * 1024 * 1024;
/** A model that could not be loaded is not tried again for so long: each request would be a load. */
const failureMs = 5000;

/** What loading on demand does with the models, by name. */
export interface Residents {
  readonly router: Router;
  /** At least one version of it can be routed to. */
  serves(model: string): boolean;
  /** It is in a repository, as far as that is known without looking. */
  exists(model: string): boolean;
  load(model: string): Promise<void>;
  /** Resolves when its last request has been answered and its memory is free. */
  unload(model: string): Promise<void>;
  /** Models that serve and may be unloaded. */
  evictable(): readonly string[];
}

export interface ResidencyLimits {
  /** Models that may serve at a time; 0: as many as there is memory for. */
  readonly maxModels: number;
  /** Models that nobody has asked for so long are unloaded; 0: never. */
  readonly idleMs: number;
}

/**
 * Has the models loaded that requests ask for: a model is loaded when the first request for it comes, and the one that was asked
 * for longest ago is unloaded when there is no room for another.
 */
export class Residency implements Disposable {
  readonly #residents: Residents;
  readonly #limits: ResidencyLimits;
  readonly #clock: Clock;
  readonly #askedAt = new Map<string, number>();
  readonly #loading = new Map<string, Promise<void>>();
  readonly #failed = new Map<string, { readonly error: ServingError; readonly until: number }>();
  /** Loads come one after the other: two at once would take the room from each other. */
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #waitingBytes = 0;
  #timer: Disposable | undefined = undefined;

  constructor(residents: Residents, limits: ResidencyLimits, clock: Clock) {
    this.#residents = residents;
    this.#limits = limits;
    this.#clock = clock;
    if (limits.idleMs > 0) this.#sweepLater();
  }

  readonly route: RouteOnDemand = (model, version, call) => {
    if (!this.#residents.exists(model)) return this.#residents.router.route(model, version);
    this.#askedAt.set(model, this.#clock.now());
    if (this.#residents.serves(model)) return this.#residents.router.route(model, version);
    return this.#routeLater(model, version, call);
  };

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }

  async #routeLater(model: string, version: string, call: CallContext) {
    if (!call.principal.scopes.has('infer')) return this.#residents.router.route(model, version);
    if (this.#waiting >= mostWaiting || this.#waitingBytes + call.sizeBytes > mostWaitingBytes) {
      throw new ServingError('resource_exhausted', 'overloaded: too much waits for models to be loaded', {
        reason: 'LOADS_EXCEEDED',
        retryAfterMs: 1000,
      });
    }
    this.#waiting += 1;
    this.#waitingBytes += call.sizeBytes;
    const gone = Promise.withResolvers<never>();
    call.onCancelled(() => gone.reject(this.#leftBy(call)));
    try {
      await Promise.race([this.#load(model), gone.promise]);
    } finally {
      call.onCancelled(undefined);
      this.#waiting -= 1;
      this.#waitingBytes -= call.sizeBytes;
    }
    return this.#residents.router.route(model, version);
  }

  #leftBy({ deadline }: CallContext): ServingError {
    return this.#clock.now() >= deadline
      ? new ServingError('deadline_exceeded', 'the deadline passed while the model was loaded')
      : new ServingError('cancelled', 'the caller left while the model was loaded');
  }

  #load(model: string): Promise<void> {
    const earlier = this.#loading.get(model);
    if (earlier !== undefined) return earlier;
    const failed = this.#failed.get(model);
    if (failed !== undefined && this.#clock.now() < failed.until) return Promise.reject(failed.error);
    const loading = this.#tail
      .then(() => this.#loadWithRoom(model))
      .finally(() => this.#loading.delete(model));
    this.#loading.set(model, loading);
    this.#tail = loading.catch(() => undefined);
    return loading;
  }

  async #loadWithRoom(model: string): Promise<void> {
    while (this.#isFull()) if (!(await this.#evictOldest(model))) break;
    for (;;) {
      try {
        await this.#residents.load(model);
        this.#failed.delete(model);
        return;
      } catch (thrown) {
        const error = ServingError.from(thrown);
        if (error.reason === memoryReason && (await this.#evictOldest(model))) continue;
        this.#failed.set(model, { error, until: this.#clock.now() + failureMs });
        throw error;
      }
    }
  }

  #isFull(): boolean {
    const { maxModels } = this.#limits;
    return maxModels > 0 && this.#residents.evictable().length >= maxModels;
  }

  /** @returns false when there is none to unload. */
  async #evictOldest(wanted: string): Promise<boolean> {
    let oldest: string | undefined;
    for (const model of this.#residents.evictable()) {
      if (model !== wanted && (oldest === undefined || this.#askedBefore(model, oldest))) oldest = model;
    }
    if (oldest === undefined) return false;
    await this.#residents.unload(oldest);
    return true;
  }

  #askedBefore(model: string, other: string): boolean {
    return (this.#askedAt.get(model) ?? -Infinity) < (this.#askedAt.get(other) ?? -Infinity);
  }

  #sweepLater(): void {
    const { idleMs } = this.#limits;
    this.#timer = this.#clock.after(Math.max(1000, idleMs / 4), () => {
      const sweep = this.#tail.then(() => this.#unloadIdle()).catch(() => undefined);
      this.#tail = sweep;
      void sweep.then(() => this.#sweepLater());
    });
  }

  async #unloadIdle(): Promise<void> {
    const before = this.#clock.now() - this.#limits.idleMs;
    for (const model of this.#residents.evictable()) {
      if ((this.#askedAt.get(model) ?? -Infinity) <= before) await this.#residents.unload(model);
    }
  }
}
