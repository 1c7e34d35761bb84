import { createAuthenticator } from '../admission/authenticate.ts';
import { ByteBudget } from '../admission/byte-budget.ts';
import { createBatcher } from '../batching/create-batcher.ts';
import { openDataPlane, type DataPlane, type DataPlaneParts } from '../data-plane.ts';
import { ServingError } from '../errors.ts';
import { readCpuQuota } from '../execution/cpu-quota.ts';
import { createModelOpener } from '../execution/model-opener.ts';
import { CallContext } from '../inference/call-context.ts';
import { silentLogger } from '../inference/logger.ts';
import type { InferResponse } from '../inference/response.ts';
import type { ServerSettings } from '../inference/server-settings.ts';
import { systemClock } from '../util/clock.ts';
import { CallPort, type Handlers, type MessageEnd } from './call-port.ts';
import type { ForwardedRequest, IoThreadSetup, MainCalls, ThreadCalls } from './messages.ts';
import { createPortLogger } from './port-logger.ts';
import { ServedModels } from './served-models.ts';

/** The thread's end of the channel. Closing it lets the thread end. */
export interface ThreadEnd extends MessageEnd {
  close(): void;
}

/** An I/O thread's whole life: the data plane of its connections, as the main thread directs. */
export interface ThreadServer {
  /** Cuts connections off, waits for running batches and closes the sessions: a busy session thread must not be ended. */
  abandon(error: unknown): Promise<void>;
}

/** @param end is owned from here on. */
export function serveThread(setup: IoThreadSetup, end: ThreadEnd): ThreadServer {
  const { index, options } = setup;
  const clock = systemClock;
  const logger = createPortLogger(setup.settings.level, (line) => main.tell('log', line));
  const batcher = createBatcher({ clock, logger, limits: { queuedBytes: options.server.byteBudget } });
  const models = new ServedModels({
    index,
    clock,
    // The cores are shared among the threads; each divides its own part among the instances of a model.
    openModel: createModelOpener({ clock, logger, cpuQuota: readCpuQuota() / options.server.ioThreads }),
    onNotBatchable: (target, reason) => batcher.switchBatchingOff(target, reason),
  });
  // The main thread watches the same file and says all there is to say of it.
  const authenticator = createAuthenticator({
    keysFile: options.security.apiKeysFile,
    anonymousScopes: ['infer', 'admin'],
    logger: silentLogger,
    clock,
  });
  let state = setup.settings;
  /** Set as soon as the listeners are being opened: a drain meanwhile must find them. */
  let plane: Promise<DataPlane> | undefined;
  const drain = async (graceMs: number): Promise<void> => {
    // Listeners that could not be opened leave nothing behind.
    const opened = await plane?.catch(() => undefined);
    await opened?.drain(graceMs);
  };
  const forwarded = new ForwardedCalls();
  const handlers: Handlers<ThreadCalls> = {
    async listen({ port }) {
      plane = openDataPlane({ ...parts, options: threadOptions(setup, port) });
      const { addresses, port: bound } = await plane;
      return { addresses, port: bound };
    },
    open: (asked) => models.open(asked),
    close: ({ id }) => models.close(id),
    run: (asked) => models.run(asked),
    publish: (publication) => models.publish(publication),
    async drained({ id }) {
      const target = models.target(id);
      if (target !== undefined) await batcher.drained(target);
    },
    settings(next) {
      state = next;
      logger.level = next.level;
      logger.muted = next.muted;
    },
    infer: async (asked) => forwarded.run(await plane, asked),
    cancel: ({ number }) => forwarded.cancel(number),
    inspect: () => batcher.inspect(),
    drain: ({ graceMs }) => drain(graceMs),
    async end() {
      try {
        await drain(0);
        await models[Symbol.asyncDispose]();
      } finally {
        authenticator[Symbol.dispose]();
        end.close();
      }
    },
  };
  const main = new CallPort<MainCalls, ThreadCalls>(end, handlers);
  const settings: ServerSettings = {
    mayChange: options.security.allowSettings,
    log: () => state.log,
    changeLog: (change) => main.ask('changeLog', change),
    trace: (model) => state.trace.get(model) ?? state.trace.get('') ?? new Map(),
    changeTrace: (model, change) => main.ask('changeTrace', { model, change }),
  };
  const parts: Omit<DataPlaneParts, 'options'> = {
    router: models.router,
    catalog: models.catalog,
    control: {
      load: (model, overrides) => main.ask('load', { model, overrides }),
      unload: (model, unloadDependents) => main.ask('unload', { model, unloadDependents }),
    },
    settings,
    batcher,
    budget: new ByteBudget({
      limitBytes: options.server.byteBudget,
      memory: setup.budget,
      thread: index + 1,
    }),
    wrap: undefined,
    authenticate: authenticator.authenticate,
    clock,
    logger,
  };
  return {
    async abandon(error) {
      logger.error({ thread: index, error }, 'an I/O thread failed; its connections are lost');
      await drain(0);
      await models[Symbol.asyncDispose]();
    },
  };
}

/** One port for all threads; a Unix socket has no way to be shared and belongs to the first. */
function threadOptions({ index, options }: IoThreadSetup, port: number): IoThreadSetup['options'] {
  const { unixSocket, ...grpc } = options.grpc;
  const own = index > 0 || unixSocket === undefined ? {} : { unixSocket };
  return { ...options, grpc: { ...grpc, ...own, port } };
}

/** Requests that came to the main thread without a transport. */
class ForwardedCalls {
  readonly #running = new Map<number, CallContext>();

  async run(plane: DataPlane | undefined, asked: ForwardedRequest): Promise<InferResponse> {
    if (plane === undefined) throw new ServingError('unavailable', 'Server not ready');
    const { number, request, principal, remainingMs, sizeBytes, streaming } = asked;
    const now = systemClock.now();
    const call = new CallContext(now, now + remainingMs, principal, sizeBytes);
    call.streaming = streaming;
    this.#running.set(number, call);
    try {
      return await plane.infer(request, call);
    } finally {
      this.#running.delete(number);
      call.finish();
    }
  }

  cancel(number: number): void {
    this.#running.get(number)?.cancel();
  }
}
