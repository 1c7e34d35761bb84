/**
 * What a scrape of metrics costs with many models that are in use: time, and the longest turn of the event loop meanwhile.
 *
 * Run: node native-bench/scrape-cost.ts [models]
 */
import { closeReasons, refusalReasons } from '../src/batching/inspection.ts';
import { Scraper } from '../src/observability/metrics/scraper.ts';
import type { MetricsSources, VersionReading } from '../src/observability/metrics/server-reading.ts';
import type { QueueReading } from '../src/observability/observation.ts';
import { ModelStatistics } from '../src/observability/statistics.ts';
import { systemClock as clock } from '../src/util/clock.ts';

const models = Number(process.argv[2] ?? 200);
const scrapes = 8;

function usedModel(name: string): ModelStatistics {
  const statistics = new ModelStatistics({ name, version: '1', clock });
  for (let n = 0; n < 1000; n++) {
    statistics.recordBatch(1 + (n % 7), 1, 5 * Math.random(), 0.01, Math.random(), 0.02);
    statistics.recordQueueWait(Math.random());
    statistics.recordSuccess(3 * Math.random(), n % 2 === 0 ? 'grpc' : 'http');
  }
  return statistics;
}

function queueOf(model: string): QueueReading {
  return {
    model,
    version: '1',
    batchingOffReason: '',
    queuedRequests: 1,
    queuedRows: 1,
    queuedBytes: 1,
    oldestMs: 1,
    runningBatches: 1,
    knees: [{ sizeClass: 2, rows: 8 }],
    curves: [
      { sizeClass: 2, costs: [1, 2, 4, 8, 16, 32].map((rows) => ({ rows, ms: 0.1 * rows, samples: 4 })) },
    ],
    closed: Object.fromEntries(closeReasons.map((reason) => [reason, 3])),
    refused: Object.fromEntries(refusalReasons.map((reason) => [reason, 0])),
    breaker: { state: 'closed', cause: '', opened: 0, opensForMs: 0, hungRuns: 0 },
    restarts: 0,
  };
}

const names = Array.from({ length: models }, (_, n) => `model_${n}`);
const counters = names.map(usedModel);
const queues = names.map(queueOf);

function* versions(): Generator<VersionReading, void, void> {
  for (const statistics of counters) {
    yield {
      platform: 'onnxruntime_onnx',
      digest: '0123456789abcdef',
      decoupled: false,
      statistics: statistics.snapshot(),
      latencies: statistics.latencies(),
      loadMs: 250,
      tags: {},
    };
  }
}

const sources: MetricsSources = {
  versions,
  observe: async () => ({ queues, threads: [], ioThreadRestarts: 0 }),
  ready: () => true,
  budget: { heldBytes: 0, limitBytes: 1 },
  build: { version: '1', node: '2' },
};

/** The longest time between two turns while `work` goes on. */
async function longestTurnMs(work: () => Promise<void>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  let going = true;
  const turn = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (going) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  going = false;
  return longest;
}

using scraper = new Scraper({
  sources,
  latencies: { counters: true, histograms: false },
  machine: undefined,
  clock,
});
console.log(`${models} models\n\n| text | scrape | ms | longest turn ms | lines |\n|---|---|---|---|---|`);
for (const format of ['prometheus', 'openmetrics'] as const) {
  for (let scrape = 1; scrape <= scrapes; scrape++) {
    let parts: readonly Buffer[] = [];
    let tookMs = 0;
    const longest = await longestTurnMs(async () => {
      const startedAt = performance.now();
      parts = await scraper.scrape(format);
      tookMs = performance.now() - startedAt;
    });
    const lines = Buffer.concat(parts).toString().split('\n').length - 1;
    if (scrape === 1 || scrape === scrapes) {
      console.log(`| ${format} | ${scrape} | ${tookMs.toFixed(1)} | ${longest.toFixed(1)} | ${lines} |`);
    }
  }
}
