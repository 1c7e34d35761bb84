import { ServingError } from '../errors.ts';
import type { InstanceLimits } from '../inference/target.ts';
import { chooseContender, type Contender, type Need } from './policy/limit-runs.ts';

/** So much of a resource that the operator grants: on one device, or on each. */
export interface ResourceGrant {
  readonly name: string;
  readonly count: number;
  readonly deviceId: number | undefined;
}

/** One instance of a model as the rate limiter sees it. */
export class LimitedInstance implements Contender {
  readonly needs: readonly Need[];
  readonly #priority: number;
  readonly #limiter: RateLimiter;
  #runs: number;
  #running = false;

  /** @param runs As if it had run so often already. */
  constructor(
    limiter: RateLimiter,
    { needs, priority }: { readonly needs: readonly Need[]; readonly priority: number },
    runs: number,
  ) {
    this.#limiter = limiter;
    this.needs = needs;
    this.#priority = priority;
    this.#runs = runs;
  }

  get scaledPriority(): number {
    return this.#runs * this.#priority;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#runs += 1;
    this.#limiter.hold(this.needs, 1);
  }

  /** Idempotent. */
  end(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#limiter.hold(this.needs, -1);
  }
}

/**
 * Triton's rate limiter, over all models of the process: instances run only while the resources that they name are
 * free, and take turns by how often they ran times their priority.
 */
export class RateLimiter {
  readonly #grants: readonly ResourceGrant[];
  /** The needs of every open instance. */
  readonly #open = new Set<readonly Need[]>();
  readonly #held = new Map<string, number>();
  readonly #instances = new Set<LimitedInstance>();
  /** Of each resource, the most that one instance needs: what there is where nothing is granted. */
  #largest = new Map<string, number>();

  /** @param grants Once there is any, what is not granted does not exist. */
  constructor(grants: readonly ResourceGrant[]) {
    this.#grants = grants;
  }

  /**
   * Takes the instances of a model in; dispose when they are closed.
   *
   * @throws ServingError invalid_argument, with Triton's texts, when one of them could never run.
   */
  admit(limits: readonly InstanceLimits[]): Disposable {
    const added = limits.map((instance) => needsOf(instance));
    this.#checkKinds(added);
    for (const { key, count } of added.flat()) this.#checkGrant(key, count);
    for (const needs of added) this.#open.add(needs);
    this.#measure();
    return {
      [Symbol.dispose]: () => {
        for (const needs of added) this.#open.delete(needs);
        this.#measure();
      },
    };
  }

  /** An instance that will ask for turns; it begins where the one that ran least is. Forget it when it is gone. */
  instance(limits: InstanceLimits | undefined): LimitedInstance {
    const priority = Math.max(1, limits?.priority ?? 1);
    const needs = limits === undefined ? [] : needsOf(limits);
    let least = Infinity;
    for (const { scaledPriority } of this.#instances) least = Math.min(least, scaledPriority);
    const instance = new LimitedInstance(
      this,
      { needs, priority },
      least === Infinity ? 0 : least / priority,
    );
    this.#instances.add(instance);
    return instance;
  }

  forget(instance: LimitedInstance): void {
    instance.end();
    this.#instances.delete(instance);
  }

  /** The one of the instances that may start now, by its index; -1 for none. */
  choose(instances: readonly LimitedInstance[]): number {
    return chooseContender(instances, (key) => this.#available(key) - (this.#held.get(key) ?? 0));
  }

  /** For the instances: takes (1) or gives back (-1) what a run needs. */
  hold(needs: readonly Need[], sign: 1 | -1): void {
    for (const { key, count } of needs) this.#held.set(key, (this.#held.get(key) ?? 0) + sign * count);
  }

  #available(key: string): number {
    return this.#grants.length === 0 ? (this.#largest.get(key) ?? 0) : this.#granted(key);
  }

  /** A global resource has the largest grant of its name, whatever device stands there. */
  #granted(key: string): number {
    const { name, device } = partsOf(key);
    let granted = 0;
    for (const { name: other, count, deviceId } of this.#grants) {
      const here = device === globalDevice || deviceId === undefined || String(deviceId) === device;
      if (other === name && here) granted = Math.max(granted, count);
    }
    return granted;
  }

  #checkGrant(key: string, count: number): void {
    if (this.#grants.length === 0) return;
    const granted = this.#granted(key);
    if (granted >= count) return;
    throw refused(
      `Resource count for "${partsOf(key).name}" is limited to ${granted} which will prevent scheduling of one or more model instances, the minimum required count is ${count}`,
    );
  }

  #checkKinds(added: readonly (readonly Need[])[]): void {
    const global = new Map<string, boolean>();
    for (const { key } of [...this.#open, ...added].flat()) {
      const { name, device } = partsOf(key);
      const isGlobal = device === globalDevice;
      const known = global.get(name);
      if (known !== undefined && known !== isGlobal) {
        throw refused(
          `Resource "${name}" is present as both global and device-specific resource in the model configuration.`,
        );
      }
      global.set(name, isGlobal);
    }
  }

  #measure(): void {
    this.#largest = new Map();
    for (const { key, count } of [...this.#open].flat()) {
      this.#largest.set(key, Math.max(count, this.#largest.get(key) ?? 0));
    }
  }
}

const globalDevice = 'global';

function needsOf({ deviceId, resources }: InstanceLimits): readonly Need[] {
  return resources.map(({ name, global, count }) => ({
    key: `${global ? globalDevice : deviceId}:${name}`,
    count,
  }));
}

function partsOf(key: string): { readonly device: string; readonly name: string } {
  const at = key.indexOf(':');
  return { device: key.slice(0, at), name: key.slice(at + 1) };
}

function refused(message: string): ServingError {
  return new ServingError('invalid_argument', message, { reason: 'MODEL_CONFIG' });
}
