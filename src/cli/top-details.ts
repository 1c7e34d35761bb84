import { bytesText, millisecondsText, percentText, rateText, rowsText } from '../console/amounts.ts';
import type { Percentiles, VersionView } from '../console/live-view.ts';
import type { ModelRow } from '../console/model-rows.ts';
import { printable } from './table.ts';

const barWidth = 40;

/** Everything about one version, in at most 21 lines of 80 columns. */
export function detailLines({ model, version, state, reason, view }: ModelRow): readonly string[] {
  const head = `${printable(model)}  version ${version === '' ? '-' : version}  ${state}`;
  if (view === undefined) return [head, '', ...(reason === '' ? [] : [printable(reason)])];
  return [
    head,
    `${printable(view.platform)}  ${rateText(view.requestsPerSecond)} req/s  ${rateText(view.failuresPerSecond)} err/s  ${rateText(view.refusedPerSecond)} refused/s${share(view)}`,
    '',
    '                 p50      p95      p99   ms',
    percentileLine('answer', view.latencyMs),
    percentileLine('waiting', view.queueMs),
    percentileLine('computing', view.computeMs),
    '',
    `${view.waitingRequests} waiting, the oldest for ${millisecondsText(view.oldestWaitSeconds * 1000)} ms; ${view.runningBatches} batches run; ${rateText(view.batchesPerSecond)} batches/s of ${rowsText(view.batchRows)} rows${view.batchingOff ? '; batching is off' : ''}`,
    ...batchBars(view),
    '',
    `breaker ${view.breaker.replace('_', '-')}, opened ${view.breakerOpened} times; ${view.executorRestarts} executor restarts`,
    cacheLine(view),
  ];
}

function share({ trafficShare }: VersionView): string {
  return trafficShare === null ? '' : `  ${percentText(trafficShare)} of the model's requests`;
}

function percentileLine(name: string, { p50, p95, p99 }: Percentiles): string {
  return name.padEnd(12) + [p50, p95, p99].map((ms) => millisecondsText(ms).padStart(8)).join(' ');
}

/** One bar for each size that occurred, up to the eight most frequent. */
function batchBars({ batchSizes }: VersionView): readonly string[] {
  const occurred = batchSizes
    .map((size, index) => ({ ...size, above: index === 0 ? 0 : (batchSizes[index - 1]?.upTo ?? 0) }))
    .filter(({ batches }) => batches > 0);
  const most = Math.max(...occurred.map(({ batches }) => batches));
  const limit = occurred.map(({ batches }) => batches).toSorted((left, right) => right - left)[7] ?? 0;
  return occurred
    .filter(({ batches }) => batches >= limit)
    .slice(0, 8)
    .map(({ upTo, above, batches }) => {
      const sizes = upTo === null ? `> ${above}` : upTo === above + 1 ? String(upTo) : `${above + 1}-${upTo}`;
      const bar = '#'.repeat(Math.max(1, Math.round((batches / most) * barWidth)));
      return `  ${sizes.padStart(8)} rows ${bar} ${batches}`;
    });
}

function cacheLine({ cache }: VersionView): string {
  if (cache === null) return 'no response cache';
  const use = cache.off ? 'off' : `${percentText(cache.hitRatio)} hits`;
  return `cache ${use}, ${cache.entries} answers of ${bytesText(cache.sizeBytes)}`;
}
