import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scraper } from '../../../../src/observability/metrics/scraper.ts';
import { ModelStatistics } from '../../../../src/observability/statistics.ts';
import type { MetricsSources } from '../../../../src/observability/metrics/server-reading.ts';
import { buildQueue, buildThread, buildVersion } from '../../../support/build-reading.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

function setUp(models: number, nextTurn: () => Promise<void> = () => Promise.resolve()) {
  const names = Array.from({ length: models }, (_, n) => `model_${n}`);
  let reads = 0;
  const sources: MetricsSources = {
    versions: () =>
      names.map((name) =>
        buildVersion({
          name,
          use(statistics) {
            for (const front of ['grpc', 'http', 'embedded'] as const) statistics.recordSuccess(1, front);
          },
        }),
      ),
    observe: async () => {
      reads += 1;
      return {
        queues: names.map((model) => buildQueue({ model })),
        threads: [buildThread()],
        ioThreadRestarts: 0,
      };
    },
    ready: () => true,
    budget: { heldBytes: 0, limitBytes: 1 },
    build: { version: '1', node: '2' },
  };
  const latencies = { counters: true, histograms: true };
  const clock = new FakeClock();
  const scraper = new Scraper({ sources, latencies, machine: undefined, clock, nextTurn });
  return { scraper, clock, reads: () => reads };
}

/** Longest run of lines of one model in one metric: a histogram of 16 bounds has 19. */
const mostLinesOfAPoint = 19;

test('what is written in one turn is bounded, however many models there are', async () => {
  let turns = 0;
  const { scraper } = setUp(200, async () => {
    turns += 1;
  });
  using _ = scraper;
  for (const format of ['prometheus', 'openmetrics'] as const) {
    turns = 0;
    const parts = await scraper.scrape(format);
    const sizes = parts.map((part) => part.length);
    assert.ok(sizes.reduce((sum, size) => sum + size, 0) > 1_000_000);
    // A turn ends with the slice that fills it: at most four points more.
    assert.ok(Math.max(...sizes) < 8192 + 4 * mostLinesOfAPoint * 110, `${Math.max(...sizes)}`);
    assert.ok(turns >= parts.length - 1);
  }
});

test('a scrape of 200 models in use takes less than 50 ms of a processor', async () => {
  const clock = new FakeClock();
  const used = Array.from({ length: 200 }, (__, n) => {
    const statistics = new ModelStatistics({ name: `model_${n}`, version: '1', clock });
    for (const front of ['grpc', 'http', 'embedded'] as const) statistics.recordSuccess(1, front);
    statistics.recordBatch(1, 1, 1, 1, 1, 1);
    return statistics;
  });
  const described = buildVersion();
  const queues = used.map((__, n) => buildQueue({ model: `model_${n}` }));
  using large = new Scraper({
    sources: {
      *versions() {
        for (const statistics of used)
          yield { ...described, statistics: statistics.snapshot(), latencies: statistics.latencies() };
      },
      observe: () => Promise.resolve({ queues, threads: [buildThread()], ioThreadRestarts: 0 }),
      ready: () => true,
      budget: { heldBytes: 0, limitBytes: 1 },
      build: { version: '1', node: '2' },
    },
    latencies: { counters: true, histograms: false },
    machine: undefined,
    clock,
    nextTurn: () => Promise.resolve(),
  });
  const cpuMs: number[] = [];
  // The first ones are compiled; whatever else the machine does, the best of some shows the cost.
  for (let scrape = 0; scrape < 4; scrape++) {
    const before = process.threadCpuUsage();
    await large.scrape('prometheus');
    const { user, system } = process.threadCpuUsage(before);
    cpuMs.push((user + system) / 1000);
  }
  assert.ok(Math.min(...cpuMs) < 50, `${cpuMs.join(' ')} ms`);
});

test('collectors that ask at the same time share one reading, later ones get a new one', async () => {
  const { scraper, reads } = setUp(1);
  using _ = scraper;
  const [first, second] = await Promise.all([scraper.scrape('prometheus'), scraper.scrape('prometheus')]);
  assert.equal(first, second);
  assert.equal(reads(), 1);
  await scraper.scrape('prometheus');
  assert.equal(reads(), 2);
});

test('no two lines have the same name and labels', async () => {
  const { scraper } = setUp(3);
  using _ = scraper;
  const text = Buffer.concat(await scraper.scrape('prometheus')).toString();
  const series = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.slice(0, line.lastIndexOf(' ')));
  assert.equal(new Set(series).size, series.length);
  const headers = text.match(/^# TYPE \S+/gm) ?? [];
  assert.equal(new Set(headers).size, headers.length);
});

test('a reading that fails fails its scrape, and not the next', async () => {
  const { scraper } = setUp(1);
  using _ = scraper;
  const failing = new Scraper({
    sources: {
      versions: () => [],
      observe: () => Promise.reject(new Error('thread lost')),
      ready: () => true,
      budget: { heldBytes: 0, limitBytes: 1 },
      build: { version: '1', node: '2' },
    },
    latencies: { counters: true, histograms: false },
    machine: undefined,
    clock: new FakeClock(),
  });
  using _failing = failing;
  await assert.rejects(failing.scrape('prometheus'), /thread lost/);
  await assert.rejects(failing.scrape('prometheus'), /thread lost/);
  assert.ok((await scraper.scrape('prometheus')).length > 0);
});

test('disposed it leaves no timer behind', () => {
  const { scraper, clock } = setUp(1);
  assert.equal(clock.pending, 1);
  scraper[Symbol.dispose]();
  assert.equal(clock.pending, 0);
});
