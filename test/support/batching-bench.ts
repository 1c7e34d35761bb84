import { createBatcher } from '../../src/batching/create-batcher.ts';
import type { Batcher } from '../../src/batching/batcher.ts';
import type { BatcherInspection } from '../../src/batching/inspection.ts';
import type { BatcherLimits } from '../../src/batching/options.ts';
import type { HangLimits } from '../../src/batching/watchdog.ts';
import { ServingError } from '../../src/errors.ts';
import type { CallContext } from '../../src/inference/call-context.ts';
import type { Batch } from '../../src/inference/executor.ts';
import type { ModelSpec } from '../../src/inference/model-spec.ts';
import type { Principal } from '../../src/inference/principal.ts';
import type { InferRequest } from '../../src/inference/request.ts';
import type { InferResponse } from '../../src/inference/response.ts';
import type { Scheduling } from '../../src/inference/target.ts';
import {
  buildTarget,
  callAt,
  firstOfRows,
  rowsRequest,
  type NotedTarget,
  type RowsRequestOptions,
} from './build-target.ts';
import { FakeClock, settled } from './fake-clock.ts';
import { PuppetExecutor, type PuppetOptions } from './puppet-executor.ts';

export interface BenchOptions {
  readonly executors?: number;
  readonly puppet?: PuppetOptions;
  readonly spec?: Partial<ModelSpec>;
  readonly scheduling?: Partial<Scheduling>;
  readonly limits?: Partial<BatcherLimits>;
  readonly nextTurn?: (run: () => void) => void;
  readonly hangLimits?: Partial<HangLimits>;
  readonly sample?: Batch;
}

/** How a request ended: the first floats of its rows, or the code and reason of its failure. */
export type Ended = readonly number[] | string;

export interface SendOptions extends RowsRequestOptions {
  readonly deadline?: number;
  readonly principal?: Principal;
}

/** A batcher, one target with puppet executors and a clock, on a bench. */
export class BatchingBench {
  readonly clock = new FakeClock(1_000);
  readonly executors: readonly PuppetExecutor[];
  readonly target: NotedTarget;
  readonly batcher: Batcher & BatcherInspection;
  /** In the order in which requests ended. */
  readonly ended: {
    readonly label: string;
    readonly outcome: Ended;
    readonly error: ServingError | undefined;
  }[] = [];

  constructor({
    executors = 1,
    puppet = {},
    spec = {},
    scheduling = {},
    limits = {},
    nextTurn = queueMicrotask,
    hangLimits = {},
    sample,
  }: BenchOptions = {}) {
    this.executors = Array.from(
      { length: executors },
      () => new PuppetExecutor({ ...puppet, ...this.#clocked(puppet) }),
    );
    this.target = { ...buildTarget(this.executors, { spec, scheduling }), sample };
    this.batcher = createBatcher({ clock: this.clock, limits, nextTurn, hangLimits });
  }

  get executor(): PuppetExecutor {
    return this.executors[0]!;
  }

  /** Sends `rows` rows that begin at `first`; the outcome is noted under `first`. */
  send(
    rows: number,
    first: number,
    { deadline = Infinity, principal, ...request }: SendOptions = {},
  ): CallContext {
    const call = callAt(this.clock.now(), principal === undefined ? { deadline } : { deadline, principal });
    this.submit(rowsRequest(rows, first, request), call, String(first));
    return call;
  }

  submit(request: InferRequest, call: CallContext, label: string): void {
    void this.#note(this.batcher.submit(this.target, request, call), label);
  }

  async #note(answer: Promise<InferResponse>, label: string): Promise<void> {
    try {
      const { outputs } = await answer;
      this.ended.push({ label, outcome: firstOfRows(outputs[0]!.data), error: undefined });
    } catch (thrown) {
      const error = ServingError.from(thrown);
      this.ended.push({ label, outcome: `${error.code} ${error.reason ?? ''}`.trim(), error });
    }
  }

  outcome(label: number): Ended | undefined {
    return this.ended.find((one) => one.label === String(label))?.outcome;
  }

  error(label: number): ServingError | undefined {
    return this.ended.find((one) => one.label === String(label))?.error;
  }

  /** Lets the running batch of an executor finish, and what follows happen. */
  async finish(executor = this.executor): Promise<void> {
    executor.finish();
    await settled();
  }

  /** Teaches the target that a batch of any size takes so long, by running full ones. */
  async learn(ms: number, rows = 1): Promise<void> {
    for (let i = 0; i < 3; i++) {
      this.send(rows, -1);
      await settled();
      this.clock.advance(ms);
      await this.finish();
    }
    this.ended.length = 0;
    this.executor.batches.length = 0;
    this.target.statistics.batches.length = 0;
    this.target.statistics.successes.length = 0;
  }

  get inspection() {
    return this.batcher.inspect()[0]!;
  }

  #clocked(puppet: PuppetOptions): PuppetOptions {
    return puppet.serviceMs === undefined ? {} : { clock: this.clock };
  }
}
