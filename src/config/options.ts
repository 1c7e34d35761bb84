import { z } from 'zod';
import { defaultDialects, dialectNames } from '../inference/dialect.ts';
import { cache } from './cache-options.ts';
import { http } from './http-options.ts';
import { models } from './model-options.ts';
import { quality } from './quality-options.ts';
import { sources } from './source-options.ts';
import { platforms } from './read-platform.ts';
import { tasks } from './task-options.ts';
import { choice, integer, list, optionalText, text, toggle, words } from './setting.ts';

/** Highest delay that Node's timers take; a longer one would fire at once. */
const maxTimerMs = 2 ** 31 - 1;
const port = { min: 0, max: 65_535 };
const durationMs = { min: 0, max: maxTimerMs };
const mebibyte = 1024 * 1024;

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
    console: choice('auto', ['auto', 'on', 'off'], {
      flag: 'metrics-console',
      about:
        'A page at /console that shows and moves models. auto: where --metrics-address is a loopback address. on: elsewhere too, with --api-keys-file. See console.md.',
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
    httpAddress: text('off', {
      flag: 'admin-http-address',
      value: 'host:port|off',
      about:
        'Listener of the REST form of rollouts; port 0 picks a free one, off closes it. See rollouts.md.',
    }),
  })
  .prefault({});

const rollouts = z
  .strictObject({
    file: optionalText({
      flag: 'rollouts',
      value: 'file',
      about:
        'YAML or JSON file of rollouts of new model versions; read again when it changes. See rollouts.md.',
    }),
    store: choice('file', ['file', 'redis'], {
      flag: 'rollout-store',
      about:
        'Where rollouts are kept. redis: in that of --cache-redis, so that all servers that use it divide traffic alike and decide together.',
    }),
    state: text('tensorgate-rollouts.json', {
      flag: 'rollout-state',
      value: 'file',
      about: 'Where rollouts are kept from one start to the next; written once there is one.',
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
    maxHeaderBytes: integer(
      16_384,
      { min: 8192, max: 65_536 },
      {
        flag: 'max-header-bytes',
        value: 'bytes',
        about:
          "Header fields of one request, gRPC's metadata included. A request with more is refused; over HTTP/2 its connection goes on. With --grpc-transport grpc-js the bound of gRPC is Node's own.",
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
    format: choice('auto', ['auto', 'json', 'pretty', 'ecs'], {
      flag: 'log-format',
      about:
        'json: one object per line. pretty: for people. auto: pretty on a terminal, else json. ecs: json by the names of the Elastic Common Schema.',
    }),
    access: toggle(false, {
      flag: 'access-log',
      about: 'A line for each call and HTTP request, probes apart. See logs.md.',
    }),
    emfIntervalSecs: integer(
      0,
      { min: 0, max: 3600 },
      {
        flag: 'emf-interval-secs',
        value: 'seconds',
        about:
          "Print metrics of models in CloudWatch's embedded metric format to standard output so often; 0: never. See logs.md.",
      },
    ),
  })
  .prefault({});

/** The one source of the options' names, defaults, bounds and descriptions: flags, environment, file, help and docs. */
export const optionsSchema = z.strictObject({
  models,
  sources,
  grpc,
  http,
  metrics,
  trace,
  predictions,
  quality,
  admin,
  rollouts,
  security,
  server,
  cache,
  tasks,
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
