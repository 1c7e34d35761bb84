import { createAdmission } from './admission/admit.ts';
import type { ByteBudget } from './admission/byte-budget.ts';
import type { Batcher } from './batching/batcher.ts';
import type { Options } from './config/options.ts';
import { listenGrpc, type ListenContext } from './grpc-listeners.ts';
import type { ModelCatalog, ModelControl } from './inference/catalog.ts';
import type { Infer, Wrap } from './inference/infer.ts';
import type { ServerSettings } from './inference/server-settings.ts';
import type { Router } from './inference/target.ts';
import { packageVersion } from './package-version.ts';
import { createPipeline } from './pipeline.ts';
import { createHealthService, type HealthService } from './transport/grpc/health.ts';
import { createInferenceService } from './transport/grpc/inference-service.ts';
import type { GrpcMethod } from './transport/grpc/method.ts';
import { inferenceService } from './transport/grpc/protocol-method.ts';
import { createReflectionMethods } from './transport/grpc/reflection.ts';

export interface DataPlaneParts extends ListenContext {
  readonly options: Options;
  readonly router: Router;
  readonly catalog: ModelCatalog;
  readonly control: ModelControl;
  readonly settings: ServerSettings;
  readonly batcher: Batcher;
  readonly budget: ByteBudget;
  readonly wrap: Wrap | undefined;
}

/** Everything that a request meets on one thread, from its listeners to the batcher. */
export interface DataPlane {
  readonly infer: Infer;
  /** Bound addresses, in the order of the options. */
  readonly addresses: readonly string[];
  /** Bound port of the first listener; 0 when gRPC is off. */
  readonly port: number;
  /** Probes learn first, then clients; running calls finish within `graceMs`. Idempotent. */
  drain(graceMs: number): Promise<void>;
}

/** Joins the stages of one thread and listens. @throws when an address cannot be had; nothing is left open then. */
export async function openDataPlane(parts: DataPlaneParts): Promise<DataPlane> {
  const { router, batcher, budget, clock, wrap } = parts;
  const pipeline = createPipeline({ router, admission: createAdmission({ budget, clock }), batcher });
  const infer = wrap === undefined ? pipeline : wrap(pipeline);
  const health = createHealthService(parts.catalog);
  const listeners = await listenGrpc(parts.options, publicMethods(parts, infer, health), parts);
  return {
    infer,
    addresses: listeners.map(({ address }) => address),
    port: listeners[0]?.port ?? 0,
    async drain(graceMs) {
      health.shutdown();
      await Promise.all(listeners.map((listener) => listener.drain(graceMs)));
    },
  };
}

/** Everything on the main gRPC port. */
function publicMethods(parts: DataPlaneParts, infer: Infer, health: HealthService): GrpcMethod[] {
  const { options, catalog, control, settings, clock } = parts;
  return [
    ...createInferenceService({
      infer,
      catalog,
      control: options.models.controlMode === 'explicit' ? control : undefined,
      settings,
      serverName: options.server.id,
      serverVersion: packageVersion(),
      extensions: ['model_configuration', 'model_repository', 'schedule_policy', 'statistics', 'logging'],
      maxMessageBytes: options.grpc.maxMessageBytes,
      clock,
    }),
    ...health.methods,
    ...createReflectionMethods([inferenceService(), health.service]),
  ];
}
