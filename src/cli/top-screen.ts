import {
  bytesText,
  durationText,
  millisecondsText,
  percentText,
  rateText,
  rowsText,
} from '../console/amounts.ts';
import type { LiveView, VersionView } from '../console/live-view.ts';
import type { ModelRow } from '../console/model-rows.ts';
import { printable } from './table.ts';

export const sortOrders = ['rate', 'p99', 'queue', 'name'] as const;

export type SortOrder = (typeof sortOrders)[number];

/** How a line is to stand out. */
export type LineStyle = 'plain' | 'head' | 'selected' | 'bad' | 'faint';

export interface ScreenLine {
  readonly text: string;
  readonly style: LineStyle;
}

interface Column {
  readonly head: string;
  readonly width: number;
  /** Shown in windows of at least so many columns. */
  readonly from: number;
  cell(version: VersionView): string;
}

const columns: readonly Column[] = [
  { head: 'REQ/S', width: 6, from: 0, cell: (version) => rateText(version.requestsPerSecond) },
  { head: 'ERR/S', width: 6, from: 0, cell: (version) => rateText(version.failuresPerSecond) },
  { head: 'P50', width: 5, from: 0, cell: ({ latencyMs }) => millisecondsText(latencyMs.p50) },
  { head: 'P95', width: 5, from: 0, cell: ({ latencyMs }) => millisecondsText(latencyMs.p95) },
  { head: 'P99', width: 5, from: 0, cell: ({ latencyMs }) => millisecondsText(latencyMs.p99) },
  { head: 'WAIT', width: 5, from: 92, cell: ({ queueMs }) => millisecondsText(queueMs.p95) },
  { head: 'RUN', width: 5, from: 98, cell: ({ computeMs }) => millisecondsText(computeMs.p95) },
  { head: 'ROWS', width: 5, from: 0, cell: ({ batchRows }) => rowsText(batchRows) },
  { head: 'QUEUE', width: 5, from: 0, cell: ({ waitingRequests }) => String(waitingRequests) },
  { head: 'CACHE', width: 5, from: 0, cell: ({ cache }) => cacheText(cache) },
  { head: 'SHARE', width: 5, from: 104, cell: ({ trafficShare }) => percentText(trafficShare) },
];

const versionWidth = 3;
const stateWidth = 12;
const smallestModelWidth = 8;

/** The table, header first; as wide as `width`, or as its names want where that is Infinity. */
export function modelTable(rows: readonly ModelRow[], width: number): readonly ScreenLine[] {
  const shown = columns.filter(({ from }) => width >= from);
  const others = shown.reduce((sum, column) => sum + column.width + 1, versionWidth + stateWidth + 2);
  const longest = Math.max(5, ...rows.map(({ model }) => printable(model).length));
  const modelWidth = Math.min(longest, Math.max(smallestModelWidth, width - others));
  const line = (model: string, version: string, cells: readonly string[], state: string): string =>
    [
      cut(model, modelWidth).padEnd(modelWidth),
      version.padStart(versionWidth),
      ...shown.map((column, index) => (cells[index] ?? '').padStart(column.width)),
      state,
    ]
      .join(' ')
      .trimEnd();
  const heads = shown.map(({ head }) => head);
  return [
    { text: line('MODEL', 'VER', heads, 'STATE'), style: 'head' },
    ...rows.map(({ model, version, state, condition, view }): ScreenLine => {
      const cells = shown.map((column) => (view === undefined ? '' : column.cell(view)));
      return {
        text: line(printable(model), version === '' ? '-' : version, cells, state),
        style: condition === 'bad' ? 'bad' : condition === 'off' ? 'faint' : 'plain',
      };
    }),
  ];
}

/** Three lines about the server as a whole. */
export function serverLines({ server, windowSeconds }: LiveView, address: string): readonly string[] {
  const { latencyMs } = server;
  const machine = server.machineCpu === null ? '' : ` of all ${percentText(server.machineCpu)}`;
  const per = [latencyMs.p50, latencyMs.p95, latencyMs.p99].map(millisecondsText).join('/');
  return [
    `tensorgate ${printable(server.version)} at ${address}  ${server.ready ? 'ready' : 'NOT READY'}  up ${durationText(server.uptimeSeconds)}  over ${durationText(Math.round(windowSeconds))}`,
    `${rateText(server.requestsPerSecond)} req/s  ${rateText(server.failuresPerSecond)} err/s  ${rateText(server.refusedPerSecond)} refused/s  p50/95/99 ${per} ms  ${server.waitingRequests} waiting`,
    `cpu ${server.cpuCores.toFixed(1)}${machine}  rss ${bytesText(server.residentBytes)}  held ${bytesText(server.heldBytes)}/${bytesText(server.heldLimitBytes)}  loop ${millisecondsText(server.eventLoopDelayP99Ms)} ms  conn ${server.grpcConnections}`,
  ];
}

export function sortRows(rows: readonly ModelRow[], order: SortOrder): readonly ModelRow[] {
  const value = ({ view }: ModelRow): number => {
    if (view === undefined) return -1;
    if (order === 'p99') return view.latencyMs.p99 ?? 0;
    return order === 'queue' ? view.waitingRequests : view.requestsPerSecond;
  };
  return order === 'name'
    ? rows.toSorted((left, right) => (left.model < right.model ? -1 : left.model > right.model ? 1 : 0))
    : rows.toSorted((left, right) => value(right) - value(left));
}

function cacheText(cache: VersionView['cache']): string {
  if (cache === null) return '';
  return cache.off ? 'off' : percentText(cache.hitRatio);
}

/** As long as asked at most; what is left out is marked. */
export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
