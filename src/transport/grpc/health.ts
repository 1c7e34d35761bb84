import { ServingError } from '../../errors.ts';
import type { ModelCatalog } from '../../inference/catalog.ts';
import type { GrpcCall, GrpcMethod, ReplyStream } from './method.ts';
import { loadService, type ProtoService } from './proto.ts';
import { field } from './protocol-method.ts';

type ServingStatus = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';

/** The health protocol's service, and the switch that makes it tell everybody to go elsewhere. */
export interface HealthService {
  readonly service: ProtoService;
  readonly methods: readonly GrpcMethod[];
  /** From now on nothing serves: watchers hear it and their calls end, so that they hold up no shutdown. Idempotent. */
  shutdown(): void;
}

/**
 * grpc.health.v1.Health. Services are '' and inference.GRPCInferenceService (the server), `<model>` and
 * `<model>/<version>`. Open to everybody, as probes have no credentials.
 */
export function createHealthService(catalog: ModelCatalog): HealthService {
  const health = new Health(catalog);
  const service = loadService('health.proto', 'grpc.health.v1.Health');
  const check = service.method('Check');
  const watch = service.method('Watch');
  return {
    service,
    methods: [
      {
        kind: 'unary',
        path: check.path,
        scope: 'none',
        handle: (message) => check.encode({ status: health.check(field(check.decode(message), 'service')) }),
      },
      {
        kind: 'stream',
        path: watch.path,
        scope: 'none',
        async handle(messages, reply, call) {
          for await (const message of messages) {
            const name = field(watch.decode(message), 'service');
            await health.watch(name, { send: (status) => reply.send(watch.encode({ status })) }, call);
            return;
          }
        },
      },
    ],
    shutdown: () => health.shutdown(),
  };
}

interface StatusSink {
  send(status: ServingStatus): ReturnType<ReplyStream['send']>;
}

class Health {
  readonly #catalog: ModelCatalog;
  readonly #watchers = new Set<() => void>();
  #stopped = false;

  constructor(catalog: ModelCatalog) {
    this.#catalog = catalog;
  }

  check(name: string): ServingStatus {
    const status = this.#status(name);
    if (status !== 'SERVICE_UNKNOWN') return status;
    throw new ServingError('not_found', 'unknown service', { reason: 'SERVICE_UNKNOWN' });
  }

  /** Sends the status now and after each change of it, until the call is cancelled or the server stops. */
  async watch(name: string, sink: StatusSink, call: GrpcCall): Promise<void> {
    let wake = Promise.withResolvers<void>();
    const notify = (): void => wake.resolve();
    using _ = this.#catalog.onChange(notify);
    this.#watchers.add(notify);
    call.context.onCancelled(notify);
    try {
      let sent: ServingStatus | undefined;
      while (!call.context.cancelled) {
        wake = Promise.withResolvers<void>();
        const status = this.#status(name);
        if (status !== sent) await sink.send(status);
        sent = status;
        if (this.#stopped) throw new ServingError('unavailable', 'server is shutting down');
        await wake.promise;
      }
      throw new ServingError('cancelled', 'watch was cancelled');
    } finally {
      this.#watchers.delete(notify);
    }
  }

  shutdown(): void {
    this.#stopped = true;
    for (const notify of this.#watchers) notify();
  }

  #status(name: string): ServingStatus {
    if (name === '' || name === 'inference.GRPCInferenceService') return this.#when(this.#catalog.ready());
    const [model = '', version = '', ...rest] = name.split('/');
    const known =
      rest.length === 0 &&
      this.#catalog
        .index(false)
        .some((entry) => entry.name === model && (version === '' || entry.version === version));
    return known ? this.#when(this.#catalog.modelReady(model, version)) : 'SERVICE_UNKNOWN';
  }

  #when(serving: boolean): ServingStatus {
    return serving && !this.#stopped ? 'SERVING' : 'NOT_SERVING';
  }
}
