import { z } from 'zod';
import { defaultDialects, dialectNames } from '../inference/dialect.ts';
import { cache } from './cache-options.ts';
import { http } from './http-options.ts';
import { platforms } from './read-platform.ts';
import { choice, integer, list, optionalText, text, toggle, words } from './setting.ts';

/** Highest delay that Node's timers take; a longer one would fire at once. */
const maxTimerMs = 2 ** 31 - 1;
const port = { min: 0, max: 65_535 };
const durationMs = { min: 0, max: maxTimerMs };
const mebibyte = 1024 * 1024;

const models = z
  .strictObject({
    repositories: list({
      flag: 'model-repository',
      aliases: ['model-store'],
      value: 'path',
      about: 'Folder of models, a folder of .onnx files, or one .onnx file. May be repeated.',
      shownDefault: '/mnt/models when it exists',
    }),
    controlMode: choice('none', ['none', 'poll', 'explicit'], {
      flag: 'model-control-mode',
      about:
        'none: load all models at start. poll: also follow changes of the repository. explicit: load and unload on request.',
    }),
    load: list({
      flag: 'load-model',
      value: 'model',
      about: 'Model to load at start in mode explicit; * for all. May be repeated.',
    }),
    pollSecs: integer(
      15,
      { min: 1, max: 86_400 },
      {
        flag: 'repository-poll-secs',
        live: true,
        value: 'seconds',
        about: 'How often mode poll looks for changes.',
      },
    ),
    configName: optionalText({
      flag: 'model-config-name',
      value: 'name',
      about: "Use a model's configs/<name>.pbtxt instead of config.pbtxt where it exists.",
    }),
    defaultMaxBatchSize: integer(
      32,
      { min: 0, max: 65_536 },
      {
        flag: 'default-max-batch-size',
        live: true,
        value: 'rows',
        about:
          'Largest batch of models that can batch but do not say how far; 0 turns batching off for them.',
      },
    ),
    defaultModel: optionalText({
      flag: 'default-model',
      value: 'model',
      about: 'Model that requests mean whose form can leave it out; without it, the only one that is ready.',
    }),
    strictReadiness: toggle(true, {
      flag: 'strict-readiness',
      live: true,
      about: 'The server is ready only while all models that should be ready are.',
    }),
    rateLimit: choice('off', ['off', 'execution_count'], {
      flag: 'rate-limit',
      about:
        'execution_count: instances run only while the resources of their rate_limiter are free, and take turns. See batching.md.',
    }),
    rateLimitResources: list({
      flag: 'rate-limit-resource',
      value: 'name:count[:device]',
      about:
        'How much there is of a resource, with --rate-limit execution_count. May be repeated; without any, as much as the instance needs that needs most.',
    }),
    placement: choice('auto', ['auto', 'inline', 'thread'], {
      flag: 'placement',
      live: true,
      about:
        'Where models run: on threads of their own, on the thread that serves, or chosen by measured cost.',
    }),
    isolation: choice('thread', ['thread', 'process'], {
      flag: 'isolation',
      live: true,
      about:
        'process: each instance in a process of its own, so that a crash of native code ends no more than that; dearer per batch. A model chooses for itself by its parameter isolation. See operations.md.',
    }),
    hangAfterMs: integer(10_000, durationMs, {
      flag: 'hang-after',
      value: 'ms',
      about:
        'Give a run on a thread up when it takes 20 times what such batches cost, and at least this long; 0: never. See operations.md.',
    }),
    costCache: optionalText({
      flag: 'cost-cache',
      value: 'folder',
      about:
        'Folder that keeps what batches cost from one start to the next, in batch-costs.json. Without it a server learns anew.',
    }),
    allowProviderFallback: toggle(false, {
      flag: 'allow-provider-fallback',
      live: true,
      about:
        'Run a model on the CPU when its CUDA or TensorRT provider cannot start, instead of refusing to load it.',
    }),
  })
  .prefault({});

const tls = z
  .strictObject({
    enabled: toggle(false, { flag: 'grpc-use-ssl', about: 'TLS on the gRPC port.' }),
    mutual: toggle(false, {
      flag: 'grpc-use-ssl-mutual',
      about: 'Ask clients for a certificate too; implies --grpc-use-ssl.',
    }),
    cert: optionalText({
      flag: 'grpc-server-cert',
      value: 'file',
      about: 'PEM certificate chain; read again when it changes.',
    }),
    key: optionalText({
      flag: 'grpc-server-key',
      value: 'file',
      about: 'PEM private key; read again when it changes.',
    }),
    clientCa: optionalText({
      flag: 'grpc-root-cert',
      value: 'file',
      about: "PEM certificates that clients' certificates must chain to, with --grpc-use-ssl-mutual.",
    }),
  })
  .prefault({});

const grpc = z
  .strictObject({
    enabled: toggle(true, { flag: 'allow-grpc', about: 'Listen for gRPC.' }),
    address: text('127.0.0.1', {
      flag: 'grpc-address',
      value: 'host',
      about: 'Address to listen on; 0.0.0.0 or :: for all.',
    }),
    port: integer(8001, port, {
      flag: 'grpc-port',
      value: 'port',
      about: 'Port to listen on; 0 picks a free one.',
    }),
    unixSocket: optionalText({
      flag: 'grpc-unix-socket',
      value: 'path',
      about: 'Listen on this Unix socket as well.',
    }),
    transport: choice('h2', ['h2', 'grpc-js'], {
      flag: 'grpc-transport',
      about: 'Which HTTP/2 implementation carries gRPC.',
    }),
    maxMessageBytes: integer(
      64 * mebibyte,
      { min: 1024, max: 2 ** 31 - 1 },
      {
        flag: 'grpc-max-message-bytes',
        value: 'bytes',
        about: 'Largest request message, after decompression.',
      },
    ),
    maxConcurrentStreams: integer(
      1024,
      { min: 1, max: 2 ** 31 - 1 },
      {
        flag: 'grpc-max-concurrent-streams',
        about: 'Calls that one connection may have open at a time.',
      },
    ),
    maxConnectionAgeMs: integer(300_000, durationMs, {
      flag: 'grpc-max-connection-age',
      value: 'ms',
      about: 'Ask a client to reconnect after this time, so that load spreads over replicas; 0: never.',
    }),
    maxConnectionAgeGraceMs: integer(30_000, durationMs, {
      flag: 'grpc-max-connection-age-grace',
      value: 'ms',
      about: 'How long calls may go on after that; 0: until they end.',
    }),
    maxConnectionIdleMs: integer(0, durationMs, {
      flag: 'grpc-max-connection-idle',
      value: 'ms',
      about: 'Close connections without calls after this time; 0: never.',
    }),
    keepaliveTimeMs: integer(60_000, durationMs, {
      flag: 'grpc-keepalive-time',
      value: 'ms',
      about: 'Ping a silent peer after this time; 0: never.',
    }),
    keepaliveTimeoutMs: integer(
      20_000,
      { min: 1, max: maxTimerMs },
      {
        flag: 'grpc-keepalive-timeout',
        value: 'ms',
        about: 'Close the connection when a ping is not answered in this time.',
      },
    ),
    tls,
  })
  .prefault({});

const metrics = z
  .strictObject({
    enabled: toggle(true, { flag: 'allow-metrics', about: 'Listen for scrapes of metrics.' }),
    address: text('127.0.0.1', {
      flag: 'metrics-address',
      value: 'host',
      about:
        'Address to listen on; 0.0.0.0 or :: for all. Who reaches it may read names and load of all models.',
    }),
    port: integer(8002, port, {
      flag: 'metrics-port',
      value: 'port',
      about: 'Port to listen on; 0 picks a free one.',
    }),
    cpu: toggle(true, {
      flag: 'allow-cpu-metrics',
      about: "Tell the machine's processor and memory use as well, as nv_cpu_*.",
    }),
    intervalMs: integer(
      2000,
      { min: 1, max: maxTimerMs },
      {
        flag: 'metrics-interval-ms',
        value: 'ms',
        about: 'Processor use is an average over at least this time.',
      },
    ),
    config: list({
      flag: 'metrics-config',
      value: 'name=true|false',
      about:
        'counter_latencies (true by default) and histogram_latencies (false): forms in which nv_inference_* tell latencies. May be repeated.',
    }),
  })
  .prefault({});

const trace = z
  .strictObject({
    enabled: toggle(false, {
      flag: 'trace',
      about:
        'Spans of calls by OpenTelemetry, as the OTEL_* variables say; needs the package @opentelemetry/sdk-node.',
    }),
  })
  .prefault({});

const predictions = z
  .strictObject({
    file: optionalText({
      flag: 'prediction-log',
      value: 'file',
      about:
        'YAML file that says of which models predictions are logged, what of them, and where to. See prediction-log.md.',
    }),
  })
  .prefault({});

const admin = z
  .strictObject({
    address: text('127.0.0.1:8003', {
      flag: 'admin-address',
      value: 'host:port|off',
      about: 'Listener of the administration service; port 0 picks a free one, off closes it.',
    }),
  })
  .prefault({});

const security = z
  .strictObject({
    apiKeysFile: optionalText({
      flag: 'api-keys-file',
      value: 'file',
      about:
        'YAML or JSON file of API keys; read again when it changes. Without one every caller is anonymous.',
    }),
    allowSettings: toggle(false, {
      flag: 'allow-settings',
      about: 'Let clients change log and trace settings on the gRPC port.',
    }),
    allowProcessing: toggle(false, {
      flag: 'allow-processing-modules',
      about:
        'Run the module processing.ts (.mts, .js, .mjs) beside a model on its requests. See processing.md.',
    }),
    allowClientShm: toggle(false, {
      flag: 'allow-client-shm',
      about:
        'Let clients of the same machine put tensors into shared memory (/dev/shm) instead of messages. See shared-memory.md.',
    }),
  })
  .prefault({});

const server = z
  .strictObject({
    id: text('triton', {
      flag: 'server-id',
      value: 'name',
      about: 'Name in ServerMetadata; some clients of Triton insist on its own.',
    }),
    byteBudget: integer(
      0,
      { min: 0, max: 2 ** 50 },
      {
        flag: 'byte-budget',
        value: 'bytes',
        about: 'Bytes of requests that may be held at once, over all connections.',
        shownDefault: 'a quarter of the memory',
      },
    ),
    ioThreads: integer(
      1,
      { min: 1, max: 64 },
      {
        flag: 'io-threads',
        value: 'threads',
        about:
          'Threads that each serve connections of the port, at most one per core; 1 serves on the main thread. See tuning.md.',
      },
    ),
    dialects: words(defaultDialects, dialectNames, {
      flag: 'dialects',
      value: 'name,name',
      about:
        "Other servers' forms that are answered beside the Open Inference Protocol; where two have the same path, the first named. none for none. See dialects.md.",
    }),
    platform: choice('none', platforms, {
      flag: 'platform',
      about:
        'Where the server runs as a container: sagemaker, vertex-ai, azure-ml, or port for those that set PORT. Takes port, routes and dialect from its variables. See platforms.md.',
    }),
    exitTimeoutSecs: integer(
      30,
      { min: 0, max: 3600 },
      {
        flag: 'exit-timeout-secs',
        live: true,
        value: 'seconds',
        about: 'How long running requests may take to finish after SIGTERM.',
      },
    ),
  })
  .prefault({});

const log = z
  .strictObject({
    level: choice('info', ['debug', 'info', 'warn', 'error', 'silent'], {
      flag: 'log-level',
      live: true,
      about: 'Least important lines to print.',
    }),
    verbose: integer(
      0,
      { min: 0, max: 9 },
      { flag: 'log-verbose', live: true, about: "Triton's verbosity: 1 or more is --log-level debug." },
    ),
    format: choice('auto', ['auto', 'json', 'pretty'], {
      flag: 'log-format',
      about: 'json: one object per line. pretty: for people. auto: pretty on a terminal.',
    }),
  })
  .prefault({});

/** The one source of the options' names, defaults, bounds and descriptions: flags, environment, file, help and docs. */
export const optionsSchema = z.strictObject({
  models,
  grpc,
  http,
  metrics,
  trace,
  predictions,
  admin,
  security,
  server,
  cache,
  log,
});

type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Item[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T;

/** Complete and checked options of a server, immutable. */
export type Options = Frozen<z.output<typeof optionsSchema>>;

/** What an embedder may give; whatever is left out gets its default. */
export type PartialOptions = z.input<typeof optionsSchema>;
