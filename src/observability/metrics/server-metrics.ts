import type { FailureCount } from '../failure-counts.ts';
import type { TransportCounts } from '../observation.ts';
import type { RuntimeReading } from '../runtime-monitor.ts';
import { inSeconds, type Metric, type NumberMetric, type NumberPoint } from './metric.ts';
import type { ServerReading } from './server-reading.ts';

function single(
  kind: NumberMetric['kind'],
  name: string,
  help: string,
  value: (reading: ServerReading) => number,
): NumberMetric {
  return { kind, name, help, labels: [], read: (reading) => [{ labels: {}, value: value(reading) }] };
}

/** Of all gRPC listeners together; nothing where none counts. */
function transport(
  kind: NumberMetric['kind'],
  name: string,
  help: string,
  value: (counts: TransportCounts) => number,
): NumberMetric {
  return {
    kind,
    name,
    help,
    labels: [],
    read: ({ threads }) => {
      const transports = threads.flatMap((thread) => thread.transports);
      if (transports.length === 0) return [];
      return [{ labels: {}, value: transports.reduce((sum, counts) => sum + value(counts), 0) }];
    },
  };
}

interface RuntimeOf {
  readonly thread: string;
  readonly runtime: RuntimeReading;
}

function runtimes({ threads }: ServerReading): readonly RuntimeOf[] {
  return threads.flatMap(({ thread, runtime }) => (runtime === undefined ? [] : [{ thread, runtime }]));
}

function perThread(name: string, help: string, value: (runtime: RuntimeReading) => number): NumberMetric {
  return {
    kind: 'gauge',
    name,
    help,
    labels: ['thread'],
    read: (reading) =>
      runtimes(reading).map(({ thread, runtime }) => ({ labels: { thread }, value: value(runtime) })),
  };
}

/** The server as a whole: its fronts, its memory, and the JavaScript that runs it. */
export const serverMetrics: readonly Metric[] = [
  {
    kind: 'counter',
    name: 'tensorgate_request_errors_total',
    help: 'Requests that could be read and were not answered, whichever model they named, and callers that were not let in, by front, status and reason (errors.md).',
    labels: ['front', 'code', 'reason'],
    read: ({ threads }) => sumFailures(threads.flatMap(({ failures }) => failures)),
  },
  single('gauge', 'tensorgate_ready', '1 while the server is ready.', ({ ready }) => (ready ? 1 : 0)),
  {
    kind: 'gauge',
    name: 'tensorgate_build_info',
    help: 'Always 1.',
    labels: ['version', 'node'],
    read: ({ build }) => [{ labels: { version: build.version, node: build.node }, value: 1 }],
  },
  single(
    'gauge',
    'tensorgate_byte_budget_used_bytes',
    'Bytes of requests that are held until their replies are written.',
    ({ budget }) => budget.heldBytes,
  ),
  single(
    'gauge',
    'tensorgate_byte_budget_limit_bytes',
    'Bytes of requests that may be held (--byte-budget).',
    ({ budget }) => budget.limitBytes,
  ),
  {
    kind: 'counter',
    name: 'tensorgate_config_reloads_total',
    help: 'How often the configuration was read again, by result; after a failure the earlier one stays in force.',
    labels: ['result'],
    read: ({ configReloads = {} }) =>
      Object.entries(configReloads).map(([result, value]) => ({ labels: { result }, value })),
  },
  transport(
    'gauge',
    'tensorgate_grpc_connections',
    'Open gRPC connections.',
    (counts) => counts.connectionsOpened - counts.connectionsClosed,
  ),
  transport(
    'counter',
    'tensorgate_grpc_connections_opened_total',
    'gRPC connections that were opened.',
    ({ connectionsOpened }) => connectionsOpened,
  ),
  transport(
    'counter',
    'tensorgate_grpc_connection_errors_total',
    'gRPC connections that a violation of HTTP/2 ended.',
    ({ connectionErrors }) => connectionErrors,
  ),
  transport(
    'counter',
    'tensorgate_grpc_streams_opened_total',
    'gRPC calls that were opened, whatever they called.',
    ({ streamsOpened }) => streamsOpened,
  ),
  transport(
    'counter',
    'tensorgate_grpc_streams_reset_total',
    'gRPC calls that either side reset.',
    ({ streamsReset }) => streamsReset,
  ),
  transport(
    'gauge',
    'tensorgate_grpc_held_bytes',
    'Bytes of unfinished gRPC messages and unsent replies.',
    ({ heldBytes }) => heldBytes,
  ),
  {
    kind: 'counter',
    name: 'tensorgate_grpc_limit_hits_total',
    help: 'How often a limit of the gRPC transport was hit, by limit.',
    labels: ['limit'],
    read: ({ threads }) => sumLimits(threads.flatMap(({ transports }) => transports)),
  },
  single(
    'counter',
    'tensorgate_io_thread_restarts_total',
    'I/O threads that were started in place of lost ones.',
    ({ ioThreadRestarts }) => ioThreadRestarts,
  ),
  {
    kind: 'histogram',
    name: 'tensorgate_event_loop_delay_seconds',
    help: 'How late a timer of every 50 ms fired.',
    labels: ['thread'],
    read: (reading) =>
      runtimes(reading).map(({ thread, runtime }) => ({
        labels: { thread },
        histogram: inSeconds(runtime.eventLoopDelay),
      })),
  },
  {
    kind: 'counter',
    name: 'tensorgate_event_loop_seconds_total',
    help: 'Time that the event loop worked, or waited for something to do.',
    labels: ['thread', 'state'],
    read: (reading) =>
      runtimes(reading).flatMap(({ thread, runtime }) => [
        { labels: { thread, state: 'active' }, value: runtime.eventLoopActiveMs / 1000 },
        { labels: { thread, state: 'idle' }, value: runtime.eventLoopIdleMs / 1000 },
      ]),
  },
  {
    kind: 'histogram',
    name: 'tensorgate_gc_duration_seconds',
    help: 'Pauses of the garbage collector, by kind.',
    labels: ['thread', 'kind'],
    read: (reading) =>
      runtimes(reading).flatMap(({ thread, runtime }) =>
        Object.entries(runtime.collections).map(([kind, histogram]) => ({
          labels: { thread, kind },
          histogram: inSeconds(histogram),
        })),
      ),
  },
  perThread('tensorgate_heap_used_bytes', 'JavaScript heap in use.', ({ heapUsedBytes }) => heapUsedBytes),
  perThread(
    'tensorgate_heap_limit_bytes',
    'Size that the JavaScript heap may not grow beyond.',
    ({ heapLimitBytes }) => heapLimitBytes,
  ),
  single(
    'counter',
    'process_cpu_seconds_total',
    'Total user and system CPU time spent in seconds.',
    (reading) => reading.process.cpuSeconds,
  ),
  single(
    'gauge',
    'process_resident_memory_bytes',
    'Resident memory size in bytes.',
    (reading) => reading.process.residentBytes,
  ),
  single(
    'gauge',
    'process_start_time_seconds',
    'Start time of the process since unix epoch in seconds.',
    (reading) => reading.process.startedAtSeconds,
  ),
];

function sumFailures(failures: readonly FailureCount[]): readonly NumberPoint[] {
  const sums = new Map<string, FailureCount>();
  for (const failure of failures) {
    const key = `${failure.front} ${failure.code} ${failure.reason}`;
    sums.set(key, { ...failure, count: failure.count + (sums.get(key)?.count ?? 0) });
  }
  return Array.from(sums.values(), ({ front, code, reason, count }) => ({
    labels: { front, code, reason },
    value: count,
  }));
}

function sumLimits(transports: readonly TransportCounts[]): readonly NumberPoint[] {
  const sums = new Map<string, number>();
  for (const { limitHits } of transports) {
    for (const [limit, hits] of Object.entries(limitHits)) sums.set(limit, hits + (sums.get(limit) ?? 0));
  }
  return Array.from(sums, ([limit, value]) => ({ labels: { limit }, value }));
}
