import { cacheAnswers } from '../../src/cache/cache-answers.ts';
import type { ByteStore } from '../../src/cache/byte-store.ts';
import type { CacheLimits } from '../../src/cache/cache-limits.ts';
import { SharedAnswers } from '../../src/cache/shared-answers.ts';
import { ServingError } from '../../src/errors.ts';
import type { CallContext } from '../../src/inference/call-context.ts';
import type { CacheReading } from '../../src/inference/caching.ts';
import { silentLogger } from '../../src/inference/logger.ts';
import type { InferRequest } from '../../src/inference/request.ts';
import type { InferResponse } from '../../src/inference/response.ts';
import type { Tensor } from '../../src/inference/tensor.ts';
import type { Target } from '../../src/inference/target.ts';
import { buildTarget, StatisticsNotebook, type NotedTarget } from './build-target.ts';
import { FakeClock } from './fake-clock.ts';

/** An execution that the test ends. */
export interface PendingRun {
  readonly request: InferRequest;
  readonly call: CallContext;
  succeed(): void;
  fail(error: Error): void;
}

interface Inspection {
  readonly model: string;
  readonly version: string;
  readonly digest: string;
  readonly cache?: CacheReading | undefined;
}

/** Counts what the cache tells, beside everything else. */
export class CacheNotebook extends StatisticsNotebook {
  hits = 0;
  misses = 0;

  override recordCacheHit(): void {
    this.hits += 1;
  }

  override recordCacheMiss(): void {
    this.misses += 1;
  }
}

export interface CachedModelOptions extends Partial<CacheLimits> {
  readonly spec?: Partial<Target['spec']>;
  readonly scheduling?: Partial<Target['scheduling']>;
  /** The output for an input; a copy of it when left out. */
  readonly compute?: (input: Tensor) => Tensor;
  readonly random?: () => number;
  readonly store?: ByteStore;
}

const sharedLimits = {
  budgetMs: 5,
  ttlMs: 1000,
  maxValueBytes: 10_000,
  prefix: 'test',
  nextTurn: (run: () => void) => run(),
};

/** A model with a response cache before an executor whose strings the test holds: each answer is the input, a copy of it. */
export class CachedModel {
  readonly clock = new FakeClock(1000);
  readonly statistics = new CacheNotebook();
  readonly target: NotedTarget & { readonly statistics: CacheNotebook };
  readonly runs: PendingRun[] = [];
  readonly #batcher;
  readonly #compute: (input: Tensor) => Tensor;

  constructor({ spec, scheduling, compute, random, store, ...limits }: CachedModelOptions = {}) {
    this.#compute = compute ?? ((input) => ({ ...input, name: 'y', data: new Uint8Array(input.data) }));
    this.target = {
      ...buildTarget([], {
        spec: { caching: { randomOperator: '' }, ...spec },
        ...(scheduling && { scheduling }),
      }),
      statistics: this.statistics,
    };
    this.#batcher = cacheAnswers(
      {
        submit: (target: Target, request: InferRequest, call: CallContext) =>
          this.#execute(target, request, call),
        drained: () => Promise.resolve(),
        inspect: (): readonly Inspection[] => [{ model: 'm', version: '1', digest: 'd1' }],
      },
      {
        clock: this.clock,
        limits: { maxBytes: 1_000_000, ttlMs: 0, staleMs: 0, ...limits },
        ...(random === undefined ? {} : { random }),
        shared:
          store && new SharedAnswers({ ...sharedLimits, store, clock: this.clock, logger: silentLogger }),
      },
    );
  }

  submit(request: InferRequest, call: CallContext, target: Target = this.target): Promise<InferResponse> {
    return this.#batcher.submit(target, request, call);
  }

  drained(): Promise<void> {
    return this.#batcher.drained(this.target);
  }

  purge(model = ''): Promise<number> {
    return this.#batcher.purge(model, this.clock.epochMs());
  }

  close(): void {
    this.#batcher[Symbol.dispose]();
  }

  /** What is told of the model's cache; fails when nothing is. */
  reading(): CacheReading {
    const reading = this.#batcher.inspect()[0]?.cache;
    if (reading === undefined) throw new Error('nothing is told of the cache');
    return reading;
  }

  /** Submits and answers a request that nobody else asks. */
  async computed(request: InferRequest, call: CallContext): Promise<InferResponse> {
    const answer = this.submit(request, call);
    this.runs.at(-1)?.succeed();
    return answer;
  }

  #execute(target: Target, request: InferRequest, call: CallContext): Promise<InferResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<InferResponse>();
    const [input] = request.inputs;
    if (input === undefined) throw new Error('a request needs an input');
    const { name: model, version } = target.spec;
    this.runs.push({
      request,
      call,
      succeed: () => {
        if (call.times !== undefined) call.times.shareMs += 1;
        this.statistics.recordSuccess(this.clock.now() - call.receivedAt);
        const outputs = [this.#compute(input)];
        resolve({ model, version, id: request.id, outputs, parameters: new Map() });
      },
      fail: (error) => {
        this.statistics.recordFailure(this.clock.now() - call.receivedAt, 'OTHER');
        reject(error);
      },
    });
    call.onCancelled(() => reject(new ServingError('cancelled', 'the request was cancelled')));
    return promise;
  }
}
