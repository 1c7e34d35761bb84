import { ServingError } from '../errors.ts';
import type { Executor, ProviderPlan, SessionMetadata, SessionPlan } from '../inference/executor.ts';
import { FailureLog } from './failure-log.ts';
import { InlineExecutor } from './inline-executor.ts';
import { providerUnavailable, toLoadError } from './load-error.ts';
import { PlacedExecutor } from './placed-executor.ts';
import type { PlacementPolicy } from './placement-policy.ts';
import { inspectProvider } from './provider-libraries.ts';
import { openSession } from './session.ts';
import type { Session } from './session.ts';
import { sessionOptions } from './session-options.ts';
import type { ReplySlots } from './reply-slot.ts';
import { startSessionProcess } from './session-process.ts';
import { startSessionThread } from './session-thread.ts';
import type { SessionThread } from './session-thread.ts';
import { ThreadedExecutor } from './threaded-executor.ts';
import type { SupervisionOptions } from './threaded-executor.ts';

/** What the instances of one model have in common. */
export interface InstanceContext {
  readonly plan: SessionPlan;
  readonly cores: number;
  readonly policy: PlacementPolicy;
  readonly supervision: SupervisionOptions;
  readonly replies: ReplySlots;
  readonly workerUrl?: URL;
  readonly processUrl?: URL;
}

export interface OpenInstance {
  readonly executor: Executor;
  readonly metadata: SessionMetadata;
}

/** Opening a session blocks its thread: a model that took more of a thread than this is never opened inline by itself. */
const longestInlineOpenCpuMs = 100;

const cpuProvider: ProviderPlan = { name: 'cpu', deviceId: 0, options: {} };

/** @throws ServingError that says why not; nothing is left open then. */
export async function openInstance(
  context: InstanceContext,
  provider: ProviderPlan,
  signal: AbortSignal | undefined,
): Promise<OpenInstance> {
  try {
    return await openOn(context, provider, signal);
  } catch (thrown) {
    const error = explain(ServingError.from(thrown), provider);
    const { logger, model } = context.supervision;
    const cause = error.cause instanceof Error ? error.cause.message : undefined;
    const fallBack = error.reason === providerUnavailable && context.plan.allowProviderFallback;
    if (!fallBack || provider.name === 'cpu') {
      logger.error({ model, provider: provider.name, problem: error.message, cause }, 'session did not open');
      throw error;
    }
    logger.warn(
      { model, provider: provider.name, problem: error.message, cause },
      'falling back to provider cpu',
    );
    return openOn(context, cpuProvider, signal);
  }
}

async function openOn(
  context: InstanceContext,
  provider: ProviderPlan,
  signal: AbortSignal | undefined,
): Promise<OpenInstance> {
  const { plan, supervision } = context;
  const start = starter(context, provider);
  const thread = await start(signal);
  const { metadata } = thread;
  const unwatched = provider.name === 'tensorrt';
  const threaded = new ThreadedExecutor(thread, async () => start(), {
    ...supervision,
    unwatched,
    endsRuns: plan.isolation === 'process',
  });
  const fixed = plan.isolation === 'process' || plan.placement === 'thread' || provider.name !== 'cpu';
  if (fixed) return { executor: threaded, metadata };
  if (plan.placement === 'inline') {
    await threaded[Symbol.asyncDispose]();
    return { executor: inlineExecutor(context, await openInlineSession(context)), metadata };
  }
  const executor = new PlacedExecutor(threaded, {
    model: supervision.model,
    logger: supervision.logger,
    policy: context.policy,
    openInline: async () => openInlineIfQuick(context, thread),
    openThread: async () => new ThreadedExecutor(await start(), async () => start(), supervision),
  });
  return { executor, metadata };
}

/** Opens a session as the plan says: on a thread or in a process of its own. */
function starter(context: InstanceContext, provider: ProviderPlan) {
  const { plan, cores, replies, workerUrl, processUrl, supervision } = context;
  const isolated = plan.isolation === 'process';
  const program = isolated ? processUrl : workerUrl;
  return async (abort?: AbortSignal): Promise<SessionThread> => {
    const options = {
      modelPath: plan.modelPath,
      session: sessionOptions(plan, provider, cores),
      clock: supervision.clock,
      replies,
      ...(program === undefined ? {} : { workerUrl: program }),
    };
    if (!isolated) return startSessionThread(options, abort);
    const session = await startSessionProcess(options, abort);
    supervision.logger.info({ model: supervision.model, pid: session.pid }, 'session process started');
    return session;
  };
}

async function openInlineIfQuick(
  context: InstanceContext,
  { openCpuMs }: Pick<SessionThread, 'openCpuMs'>,
): Promise<InlineExecutor | undefined> {
  if (openCpuMs > longestInlineOpenCpuMs) return undefined;
  const session = await openInlineSession(context);
  if (session.synchronous) return inlineExecutor(context, session);
  await session[Symbol.asyncDispose]();
  return undefined;
}

/** With one intra-op thread unless the plan says otherwise: what pays inline is too small to be shared out. */
async function openInlineSession({ plan, cores }: InstanceContext): Promise<Session> {
  const options = sessionOptions(plan, cpuProvider, cores);
  try {
    return await openSession(
      plan.modelPath,
      plan.intraOpThreads === 0 ? { ...options, intraOpNumThreads: 1 } : options,
    );
  } catch (thrown) {
    throw toLoadError(thrown);
  }
}

function inlineExecutor({ supervision }: InstanceContext, session: Session): InlineExecutor {
  const { logger, clock, model } = supervision;
  return new InlineExecutor(session, clock, new FailureLog(logger, clock, model));
}

/** Adds the names of missing libraries, which onnxruntime writes to the standard error stream only. */
function explain(error: ServingError, { name }: ProviderPlan): ServingError {
  if (error.reason !== providerUnavailable || name === 'cpu') return error;
  const { absent, missing, sameBuild, remedy } = inspectProvider(name);
  const lacking = [...absent, ...missing];
  if (lacking.length === 0 && sameBuild !== false) return error;
  const problem = lacking.length > 0 ? `${lacking.join(', ')} missing` : 'its libraries are of another build';
  return new ServingError('failed_precondition', `provider ${name} cannot be loaded: ${problem}; ${remedy}`, {
    reason: providerUnavailable,
    cause: error.cause,
  });
}
