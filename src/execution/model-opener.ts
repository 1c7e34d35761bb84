import { ServingError } from '../errors.ts';
import type {
  Executor,
  OpenModel,
  OpenedModel,
  SessionMetadata,
  SessionPlan,
} from '../inference/executor.ts';
import type { Logger } from '../inference/logger.ts';
import type { Clock } from '../util/clock.ts';
import { readCpuQuota } from './cpu-quota.ts';
import { openInstance } from './open-instance.ts';
import type { InstanceContext } from './open-instance.ts';
import { PlacementPolicy, placementLimits } from './placement-policy.ts';
import { checkProvider } from './provider-options.ts';
import { ReplySlots } from './reply-slot.ts';
import { sessionOptions } from './session-options.ts';
import type { StuckRun } from './stuck-watch.ts';

export interface ModelOpenerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Cores to divide among the instances of a model; by default what affinity and control groups allow. */
  readonly cpuQuota?: number;
  /** How long unloading waits for a running batch before it leaves the thread behind and reports it. 30 s. */
  readonly closeLimitMs?: number;
  /** A run that takes longer is reported, between one and two of these after its start. 60 s. */
  readonly stuckRunMs?: number;
  /** Told of runs that do not end. Their thread can only be escaped by SIGKILL: `process.exit` aborts. */
  readonly onStuckRun?: (run: StuckRun) => void;
  /** Below this learned batch cost a model with placement auto runs inline. 0.3 ms. */
  readonly inlineBelowMs?: number;
  /** The file of session threads; for tests. */
  readonly workerUrl?: URL;
  /** The file of session processes; for tests. */
  readonly processUrl?: URL;
}

const mostInstances = 64;

/**
 * Makes the function that opens models: sessions on threads or inline as planned, supervised.
 *
 * A model is always opened on a thread first, also for inline use, so that an error or lack of heap there is a failed load.
 * (A crash inside onnxruntime's native code ends the process on any thread; isolation process makes it one of its own.)
 */
export function createModelOpener(options: ModelOpenerOptions): OpenModel {
  const cores = options.cpuQuota ?? readCpuQuota();
  const replies = new ReplySlots();
  return async (plan, signal) => {
    checkPlan(plan, cores);
    const context: InstanceContext = {
      plan,
      cores,
      replies,
      policy: new PlacementPolicy(placementLimits(options.inlineBelowMs)),
      ...(options.workerUrl === undefined ? {} : { workerUrl: options.workerUrl }),
      ...(options.processUrl === undefined ? {} : { processUrl: options.processUrl }),
      supervision: {
        model: plan.name,
        clock: options.clock,
        logger: options.logger,
        closeLimitMs: options.closeLimitMs ?? 30_000,
        stuckRunMs: options.stuckRunMs ?? 60_000,
        onStuckRun: options.onStuckRun ?? (() => undefined),
      },
    };
    return openInstances(context, signal);
  };
}

/** The first alone, so that a model that cannot be opened fails once; the others beside each other. */
async function openInstances(
  context: InstanceContext,
  signal: AbortSignal | undefined,
): Promise<OpenedModel> {
  const [first, ...others] = context.plan.instances;
  if (first === undefined) throw new ServingError('invalid_argument', 'a model needs at least one instance');
  const { executor, metadata } = await openInstance(context, first, signal);
  const executors: Executor[] = [executor];
  // On one thread a second inline session would only wait for the first.
  if (context.plan.placement !== 'inline' || context.plan.isolation === 'process') {
    const opened = await Promise.allSettled(
      others.map(async (provider) => openInstance(context, provider, signal)),
    );
    for (const result of opened) if (result.status === 'fulfilled') executors.push(result.value.executor);
    const failed = opened.find((result) => result.status === 'rejected');
    if (failed !== undefined) {
      await closeAll(executors);
      throw ServingError.from(failed.reason);
    }
  }
  return new OpenExecutors(metadata, executors);
}

class OpenExecutors implements OpenedModel {
  readonly metadata: SessionMetadata;
  readonly executors: readonly Executor[];

  constructor(metadata: SessionMetadata, executors: readonly Executor[]) {
    this.metadata = metadata;
    this.executors = executors;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeAll(this.executors);
  }
}

async function closeAll(executors: readonly Executor[]): Promise<void> {
  await Promise.all(executors.map(async (executor) => executor[Symbol.asyncDispose]()));
}

function checkPlan(plan: SessionPlan, cores: number): void {
  if (plan.instances.length === 0 || plan.instances.length > mostInstances) {
    throw new ServingError(
      'invalid_argument',
      `${plan.instances.length} instances are not a number from 1 to ${mostInstances}`,
    );
  }
  for (const provider of plan.instances) {
    checkProvider(provider);
    sessionOptions(plan, provider, cores);
    if (plan.placement === 'inline' && plan.isolation === 'thread' && provider.name !== 'cpu') {
      throw new ServingError(
        'invalid_argument',
        `placement inline is for provider cpu, not ${provider.name}`,
      );
    }
  }
}
