import type { CallContext } from '../inference/call-context.ts';
import type { CachePurge, CacheReading } from '../inference/caching.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Target } from '../inference/target.ts';
import type { Clock } from '../util/clock.ts';
import type { CacheLimits } from './cache-limits.ts';
import { ResultCache } from './result-cache.ts';
import type { SharedAnswers } from './shared-answers.ts';

interface Inspected {
  readonly model: string;
  readonly version: string;
  readonly digest: string;
}

/** Who executes requests, knows when a target is at rest, and tells of the targets in use. */
interface Submitter<Inspection extends Inspected> {
  submit(target: Target, request: InferRequest, call: CallContext): Promise<InferResponse>;
  drained(target: Target): Promise<void>;
  inspect(): readonly Inspection[];
}

export interface CacheTools {
  readonly limits: CacheLimits;
  readonly clock: Clock;
  readonly random?: () => number;
  /** Owned from here on. */
  readonly shared?: SharedAnswers | undefined;
}

/**
 * @returns what to submit to instead (`batcher` itself, when there is no room for answers): requests of models with a response cache are answered from it where they can be, all
 * else goes on as it is. Inspections say of each such model how its cache does.
 */
export function cacheAnswers<
  Inspection extends Inspected & { readonly cache?: CacheReading | undefined },
  B extends Submitter<Inspection>,
>(
  batcher: B & Submitter<Inspection>,
  { limits, clock, shared, random = () => 1 - Math.random() }: CacheTools,
): Omit<B, keyof Submitter<Inspection>> & Submitter<Inspection> & CachePurge & Disposable {
  const dispose = (): void => shared?.[Symbol.dispose]();
  if (limits.maxBytes === 0)
    return { ...batcher, purge: () => Promise.resolve(0), [Symbol.dispose]: dispose };
  const cache = new ResultCache({
    ...limits,
    clock,
    random,
    shared,
    submit: (target, request, call) => batcher.submit(target, request, call),
  });
  return {
    ...batcher,
    submit(target, request, call) {
      const plan = target.spec.caching;
      if (plan === undefined) return batcher.submit(target, request, call);
      return cache.submit(target, plan, request, call);
    },
    async drained(target) {
      await batcher.drained(target);
      const isRunning = (): boolean => (cache.models.get(target)?.running ?? 0) > 0;
      // An execution that failed for lack of time may have been begun again for who had more.
      while (isRunning()) {
        await cache.models.get(target)?.idle();
        await batcher.drained(target);
      }
      cache.forget(target);
    },
    purge: (model, at) => cache.purge(model, at),
    [Symbol.dispose]: dispose,
    inspect() {
      const readings = new Map<string, CacheReading | undefined>();
      for (const target of cache.models.targets()) readings.set(keyOf(target.spec), cache.reading(target));
      const inspections = batcher.inspect();
      return readings.size === 0
        ? inspections
        : inspections.map((own) => ({ ...own, cache: readings.get(keyOf({ ...own, name: own.model })) }));
    },
  };
}

function keyOf({ name, version, digest }: Pick<Target['spec'], 'name' | 'version' | 'digest'>): string {
  return `${name}/${version}/${digest}`;
}
