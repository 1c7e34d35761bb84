import type { Target } from '../inference/target.ts';

/**
 * Counts who will still submit to a target. A step of an ensemble is chosen when the request comes and runs later, when it
 * may have left routing: until then nothing of it waits or runs, and yet it must not be closed.
 */
export class TargetHolds {
  readonly #counts = new Map<Target, number>();
  readonly #waiting = new Map<Target, (() => void)[]>();

  /** To be followed by one `release`. */
  hold(target: Target): void {
    this.#counts.set(target, (this.#counts.get(target) ?? 0) + 1);
  }

  release(target: Target): void {
    const left = (this.#counts.get(target) ?? 0) - 1;
    if (left > 0) {
      this.#counts.set(target, left);
      return;
    }
    this.#counts.delete(target);
    const waiting = this.#waiting.get(target);
    if (waiting === undefined) return;
    this.#waiting.delete(target);
    for (const resolve of waiting) resolve();
  }

  /** Resolves once nobody holds the target. It must be out of routing, or somebody may again. */
  released(target: Target): Promise<void> {
    if (!this.#counts.has(target)) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = this.#waiting.get(target) ?? [];
    waiting.push(resolve);
    this.#waiting.set(target, waiting);
    return promise;
  }
}
