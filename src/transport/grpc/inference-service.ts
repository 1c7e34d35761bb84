import type { ModelCatalog, ModelControl } from '../../inference/catalog.ts';
import type { Infer } from '../../inference/infer.ts';
import type { ServerSettings } from '../../inference/server-settings.ts';
import type { SharedMemory } from '../../inference/shared-memory.ts';
import type { RouteOnDemand } from '../../inference/target.ts';
import type { Clock } from '../../util/clock.ts';
import { createHealthRpcs } from './health-rpcs.ts';
import { InferRequestDecoder } from './infer-request-decoder.ts';
import { InferResponseEncoder } from './infer-response-encoder.ts';
import { createInferRpc } from './infer.ts';
import { createMetadataRpcs } from './metadata.ts';
import type { GrpcMethod } from './method.ts';
import { createRepositoryRpcs } from './repository.ts';
import { createSettingsRpcs } from './settings.ts';
import { createSharedMemoryRpcs } from './shared-memory.ts';
import { createStatisticsRpcs } from './statistics.ts';
import { createStreamInferRpc } from './stream-infer.ts';

export interface InferenceServiceOptions {
  readonly infer: Infer;
  readonly catalog: ModelCatalog;
  /** undefined refuses RepositoryModelLoad and RepositoryModelUnload. */
  readonly control: ModelControl | undefined;
  readonly settings: ServerSettings;
  /** undefined refuses the shared-memory rpcs. */
  readonly sharedMemory: SharedMemory | undefined;
  /** There where models are loaded when they are asked for. */
  readonly load?: RouteOnDemand | undefined;
  readonly serverName: string;
  readonly serverVersion: string;
  /** Names of the protocol's extensions that this server speaks. */
  readonly extensions: readonly string[];
  /** Also bounds what typed contents may grow to. */
  readonly maxMessageBytes: number;
  readonly clock: Clock;
}

/** All 20 rpcs of inference.GRPCInferenceService, and three of MLServer's repository service, for any transport. */
export function createInferenceService(options: InferenceServiceOptions): readonly GrpcMethod[] {
  const { infer, catalog, control, settings, clock } = options;
  const codec = {
    decoder: new InferRequestDecoder(options.maxMessageBytes),
    encoder: new InferResponseEncoder(),
  };
  return [
    createInferRpc(infer, codec),
    createStreamInferRpc(infer, codec, clock),
    ...createHealthRpcs(catalog),
    ...createMetadataRpcs(
      catalog,
      { name: options.serverName, version: options.serverVersion, extensions: options.extensions },
      options.load,
    ),
    ...createStatisticsRpcs(catalog),
    ...createRepositoryRpcs(catalog, control),
    ...createSharedMemoryRpcs(options.sharedMemory),
    ...createSettingsRpcs(settings, catalog),
  ];
}
