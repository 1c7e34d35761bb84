import { createAdmission } from './admission/admit.ts';
import type { AccessLog } from './access-log.ts';
import type { ByteBudget } from './admission/byte-budget.ts';
import { validateRequest } from './admission/validate.ts';
import type { Batcher } from './batching/batcher.ts';
import type { Options } from './config/options.ts';
import { createEnsembles, type Submit } from './ensembles/create-ensembles.ts';
import type { TargetHolds } from './ensembles/target-holds.ts';
import { listenGrpc, type ListenContext } from './grpc-listeners.ts';
import { listenHttp, type HttpFront } from './http-listener.ts';
import type { ReportMetric } from './inference/arm-metrics.ts';
import type { ModelCatalog, ModelControl } from './inference/catalog.ts';
import type { ModelQuality } from './inference/monitoring.ts';
import type { ExporterReading } from './inference/exporter-breaker.ts';
import type { Exemplar } from './inference/exemplar.ts';
import type { Front } from './inference/front.ts';
import type { Infer, Wrap } from './inference/infer.ts';
import type { ServerSettings } from './inference/server-settings.ts';
import type { SharedMemory } from './inference/shared-memory.ts';
import type { RouteOnDemand, Router } from './inference/target.ts';
import type { PredictionCounts, PredictionLog } from './observability/predictions/prediction-log.ts';
import type { Tracing } from './observability/tracing/start-tracing.ts';
import { packageVersion } from './package-version.ts';
import { createPipeline, type Stages } from './pipeline.ts';
import { processRequests } from './processing/process-requests.ts';
import { traceEndpoint, traceFailure, traceMethod } from './trace-methods.ts';
import { createHealthService, type HealthService } from './transport/grpc/health.ts';
import { createInferenceService } from './transport/grpc/inference-service.ts';
import type { GrpcMethod, TransportCounters } from './transport/grpc/method.ts';
import { inferenceService } from './transport/grpc/protocol-method.ts';
import { createQualityMethods, qualityService } from './transport/grpc/quality.ts';
import type { ProtoService } from './transport/grpc/proto.ts';
import { createReflectionMethods } from './transport/grpc/reflection.ts';
import {
  createTensorflowMethods,
  tensorflowServices,
} from './transport/grpc/tensorflow/tensorflow-services.ts';
import type { Endpoint } from './transport/http/http-call.ts';
import { loadFirst } from './transport/http/load-first.ts';

export interface DataPlaneParts extends ListenContext {
  readonly options: Options;
  readonly router: Router;
  readonly experiments: Stages['experiments'];
  readonly quality: ModelQuality;
  /** Tells rollouts what answers were worth. */
  readonly reportMetric: ReportMetric;
  readonly catalog: ModelCatalog;
  readonly control: ModelControl;
  readonly settings: ServerSettings;
  /** undefined: `--allow-client-shm` is off. */
  readonly sharedMemory: SharedMemory | undefined;
  readonly batcher: Batcher;
  readonly budget: ByteBudget;
  /** Whoever closes a target waits for these as well as for the batcher. */
  readonly holds: TargetHolds;
  readonly wrap: Wrap | undefined;
  readonly onFailure: Stages['onFailure'];
  /** `main`, or `io-` and its number. */
  readonly thread: string;
  /** A random secret that all threads of the process share. */
  readonly predictionKey: Uint8Array;
}

/** Everything that a request meets on one thread, from its listeners to the batcher. */
export interface DataPlane {
  readonly infer: Infer;
  /** Bound addresses, in the order of the options. */
  readonly addresses: readonly string[];
  /** Bound port of the first listener; 0 when gRPC is off. */
  readonly port: number;
  /** Bound address and port of HTTP; '' and 0 when it is off. On the port of gRPC the port is 0 as well. */
  readonly http: { readonly address: string; readonly port: number };
  /** What its gRPC listeners count. */
  counters(): readonly TransportCounters[];
  /** undefined without `--prediction-log`. */
  predictions(): PredictionCounts | undefined;
  /** None without `--trace`. */
  exemplars(): readonly Exemplar[];
  /** Of spans and of the prediction log. */
  exporters(): readonly ExporterReading[];
  /** Probes learn first, then clients; running calls finish within `graceMs`. Idempotent. */
  drain(graceMs: number): Promise<void>;
}

/** Joins the stages of one thread and listens. @throws when an address cannot be had; nothing is left open then. */
export async function openDataPlane(parts: DataPlaneParts): Promise<DataPlane> {
  const { router, budget, clock, wrap, onFailure } = parts;
  await using undo = new AsyncDisposableStack();
  const tracing = await startTracing(parts);
  if (tracing !== undefined) undo.use(tracing);
  const predictions = await openPredictions(parts);
  if (predictions !== undefined) undo.use(predictions.log);
  const submit = createEnsembles({
    submit: submitOf(parts),
    validate: validateRequest,
    router,
    budget,
    holds: parts.holds,
    clock,
  });
  const pipeline = createPipeline({
    router,
    experiments: parts.experiments,
    sharedMemory: parts.sharedMemory,
    admission: createAdmission({ budget, clock }),
    batcher: { submit: predictions === undefined ? submit : predictions.around(submit) },
    onFailure:
      tracing === undefined
        ? onFailure
        : (at, error, call) => {
            onFailure(at, error);
            if (call !== undefined) traceFailure(tracing, call, error);
          },
  });
  const access = await openAccessLog(parts);
  const wrapped = wrap === undefined ? pipeline : wrap(pipeline);
  const infer = access === undefined ? wrapped : access.infer(wrapped);
  const health = createHealthService(parts.catalog);
  const ports: ListenPorts = { grpc: undefined };
  const front = publicFront(parts, infer, ports);
  const around = aroundEndpoints({ tracing, access, load: router.routeOnDemand });
  const http = await listenHttp(
    parts.options,
    around === undefined ? front : { ...front, around },
    listenContext(parts, 'http', access),
  );
  if (http !== undefined) {
    undo.defer(() => http[Symbol.dispose]());
    undo.defer(() => http.drain(0));
  }
  const listeners = await listenGrpc(parts.options, {
    methods: publicMethods(
      parts,
      { front, health, dialect: await openTorchserve(parts, front) },
      (method) => {
        const traced = tracing === undefined ? method : traceMethod(method, tracing);
        return access === undefined ? traced : access.method(traced);
      },
    ),
    context: listenContext(parts, 'grpc', access),
    guest: http?.guest,
  });
  undo.move();
  const [first] = listeners;
  ports.grpc = first?.port;
  return {
    infer,
    addresses: listeners.map(({ address }) => address),
    port: first?.port ?? 0,
    http:
      http?.guest === undefined
        ? { address: http?.address ?? '', port: http?.port ?? 0 }
        : { address: first?.address ?? '', port: 0 },
    counters: () => listeners.flatMap(({ counters }) => (counters === undefined ? [] : [counters])),
    predictions: () => predictions?.log.counts(),
    exemplars: () => tracing?.exemplars() ?? [],
    exporters: () => [...(tracing?.exporters() ?? []), ...(predictions?.log.exporters() ?? [])],
    async drain(graceMs) {
      health.shutdown();
      const open = http === undefined ? listeners : [...listeners, http];
      await Promise.all(open.map((listener) => listener.drain(graceMs)));
      http?.[Symbol.dispose]();
      await Promise.all([tracing?.[Symbol.asyncDispose](), predictions?.log[Symbol.asyncDispose]()]);
    },
  };
}

/** To the queue; past the modules of models where the operator allows them. */
function submitOf({ options, batcher, budget, holds, clock, logger }: DataPlaneParts): Batcher['submit'] {
  const submit: Batcher['submit'] = (target, request, call) => batcher.submit(target, request, call);
  if (!options.security.allowProcessing) return submit;
  return processRequests({ submit, validate: validateRequest, budget, holds, clock, logger });
}

/** Its code is not even loaded unless it is asked for. */
async function openAccessLog({ options, logger, clock }: DataPlaneParts): Promise<AccessLog | undefined> {
  if (!options.log.access) return undefined;
  const accessLog = await import('./access-log.ts');
  return new accessLog.AccessLog({ logger, clock });
}

interface EndpointWrappers {
  readonly tracing: Tracing | undefined;
  readonly access: AccessLog | undefined;
  readonly load: RouteOnDemand | undefined;
}

/** undefined where nothing goes around them. */
function aroundEndpoints({
  tracing,
  access,
  load,
}: EndpointWrappers): ((route: string, endpoint: Endpoint) => Endpoint) | undefined {
  if (tracing === undefined && access === undefined && load === undefined) return undefined;
  return (route, endpoint) => {
    const loading = load === undefined ? endpoint : loadFirst(route, endpoint, load);
    const traced = tracing === undefined ? loading : traceEndpoint(route, loading, tracing);
    return access === undefined ? traced : access.endpoint(route, traced);
  };
}

/** Callers that are not let in are counted as well. */
function listenContext(
  { authenticate, onFailure, clock, logger }: DataPlaneParts,
  front: Front,
  access: AccessLog | undefined,
): ListenContext {
  const noted = access === undefined ? authenticate : access.authenticate(authenticate, front);
  return {
    authenticate(header, asked) {
      try {
        return noted(header, asked);
      } catch (error) {
        onFailure(front, error);
        throw error;
      }
    },
    clock,
    logger,
  };
}

/** OpenTelemetry is not even loaded unless it is asked for. */
async function startTracing({ options, clock, logger }: DataPlaneParts): Promise<Tracing | undefined> {
  if (!options.trace.enabled) return undefined;
  const tracing = await import('./observability/tracing/start-tracing.ts');
  return tracing.startTracing({ version: packageVersion(), clock, logger });
}

interface Predictions {
  readonly log: PredictionLog;
  readonly around: (submit: Submit) => Submit;
}

async function openPredictions(parts: DataPlaneParts): Promise<Predictions | undefined> {
  const { options, clock, logger, thread, predictionKey: key } = parts;
  const { file } = options.predictions;
  if (file === undefined) return undefined;
  const [{ openPredictionLog }, { logPredictions }] = await Promise.all([
    import('./observability/predictions/open-prediction-log.ts'),
    import('./observability/predictions/log-predictions.ts'),
  ]);
  const log = await openPredictionLog({ file, thread, key, version: packageVersion(), clock, logger });
  return { log, around: (submit) => logPredictions(submit, log, clock) };
}

/** What every front serves. */
function publicFront(
  { options, quality, reportMetric, catalog, control, settings, sharedMemory }: DataPlaneParts,
  infer: Infer,
  ports: ListenPorts,
): HttpFront {
  return {
    infer,
    catalog,
    control: options.models.controlMode === 'explicit' ? control : undefined,
    settings,
    quality,
    reportMetric,
    sharedMemory,
    grpc: () => grpcPlace(options, ports),
    serverName: options.server.id,
    serverVersion: packageVersion(),
    extensions: [
      'binary_tensor_data',
      'classification',
      'generate',
      'logging',
      'model_configuration',
      'model_repository',
      'parameters',
      'schedule_policy',
      'sequence',
      'statistics',
      ...(sharedMemory === undefined ? [] : ['system_shared_memory', 'cuda_shared_memory']),
    ],
  };
}

/** Filled in as listeners open: HTTP does before gRPC. */
interface ListenPorts {
  grpc: number | undefined;
}

/** Where clients find gRPC who know where HTTP is. */
function grpcPlace({ grpc, http }: Options, { grpc: port }: ListenPorts): ReturnType<HttpFront['grpc']> {
  if (!grpc.enabled || port === undefined) return undefined;
  return { port: http.onGrpcPort ? 0 : port, tls: grpc.tls.enabled };
}

interface GrpcDialect {
  readonly methods: readonly GrpcMethod[];
  readonly services: readonly ProtoService[];
}

/** Its code is not even loaded unless it is asked for. */
async function openTorchserve(
  { options }: DataPlaneParts,
  front: HttpFront,
): Promise<GrpcDialect | undefined> {
  if (!options.server.dialects.includes('torchserve')) return undefined;
  const [{ createTorchserveMethods, torchserveServices }, { createTorchserveCalls }] = await Promise.all([
    import('./transport/grpc/torchserve/torchserve-services.ts'),
    import('./transport/http/dialects/torchserve/torchserve-calls.ts'),
  ]);
  const { maxMessageBytes } = options.grpc;
  const methods = createTorchserveMethods({ calls: createTorchserveCalls(front), maxMessageBytes });
  return { methods, services: torchserveServices() };
}

interface PublicParts {
  readonly front: HttpFront;
  readonly health: HealthService;
  readonly dialect: GrpcDialect | undefined;
}

/** Everything on the main gRPC port. */
function publicMethods(
  { options, clock, router }: DataPlaneParts,
  { front, health, dialect }: PublicParts,
  around: (method: GrpcMethod) => GrpcMethod,
): GrpcMethod[] {
  const { maxMessageBytes } = options.grpc;
  const withTensorflow = options.server.dialects.includes('tensorflow-serving');
  const inference = [
    ...createInferenceService({ ...front, maxMessageBytes, clock, load: router.routeOnDemand }),
    ...(withTensorflow ? createTensorflowMethods({ ...front, maxMessageBytes }) : []),
    ...(dialect?.methods ?? []),
  ];
  return [
    ...inference.map(around),
    ...(front.quality === undefined ? [] : createQualityMethods(front.quality, front.reportMetric)),
    ...health.methods,
    ...createReflectionMethods([
      inferenceService(),
      health.service,
      ...(withTensorflow ? tensorflowServices() : []),
      ...(dialect?.services ?? []),
      ...(front.quality === undefined ? [] : [qualityService()]),
    ]),
  ];
}
