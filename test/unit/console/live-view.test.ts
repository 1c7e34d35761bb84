import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewOf, type LiveView, type VersionView } from '../../../src/console/live-view.ts';
import { parseReading } from '../../../src/console/reading.ts';
import { RecentReadings } from '../../../src/console/recent-readings.ts';
import { metricsText, type MetricsOfVersion } from '../../support/metrics-text.ts';

const startMs = 1_000_000;

function viewBetween(older: MetricsOfVersion, newer: MetricsOfVersion, seconds = 10): LiveView {
  return viewOf(
    parseReading(metricsText(newer), startMs + 60_000 + seconds * 1000),
    parseReading(metricsText(older), startMs + 60_000),
  );
}

function first({ versions: [version] }: LiveView): VersionView {
  assert.ok(version !== undefined);
  return version;
}

test('rates are of the time between two readings, over all fronts', () => {
  const view = viewBetween(
    {
      answered: [['grpc', [100, 0, 0, 0]]],
      counters: { 'tensorgate_request_failures_total{front="grpc"}': 7 },
    },
    {
      answered: [
        ['grpc', [150, 0, 0, 0]],
        ['http', [50, 0, 0, 0]],
      ],
      counters: { 'tensorgate_request_failures_total{front="grpc"}': 12 },
    },
  );
  const version = first(view);
  assert.equal(view.windowSeconds, 10);
  assert.equal(view.sinceStart, false);
  assert.equal(version.requestsPerSecond, 10);
  assert.equal(version.failuresPerSecond, 0.5);
  assert.equal(view.server.requestsPerSecond, 10);
  assert.equal(version.platform, 'onnxruntime_onnx');
});

test('percentiles are of the requests of the window, spread evenly in their bucket', () => {
  const { latencyMs } = first(
    viewBetween({ answered: [['grpc', [0, 0, 500, 0]]] }, { answered: [['grpc', [90, 10, 500, 0]]] }),
  );
  assert.equal(latencyMs.p50?.toFixed(4), '0.5556');
  assert.equal(latencyMs.p95?.toFixed(4), '5.5000');
  assert.equal(latencyMs.p99?.toFixed(4), '9.1000');
});

test('above all bounds a percentile is the last bound', () => {
  const { latencyMs } = first(viewBetween({}, { answered: [['grpc', [0, 0, 0, 4]]] }));
  assert.equal(latencyMs.p50, 100);
});

test('without requests in the window there are no percentiles', () => {
  const same: MetricsOfVersion = { answered: [['grpc', [9, 9, 9, 9]]] };
  const view = viewBetween(same, same);
  assert.deepEqual(first(view).latencyMs, { p50: null, p95: null, p99: null });
  assert.deepEqual(view.server.latencyMs, { p50: null, p95: null, p99: null });
  assert.equal(first(view).requestsPerSecond, 0);
});

test('counters that fell have begun anew, as those of a model that was loaded again', () => {
  const version = first(
    viewBetween({ answered: [['grpc', [1000, 0, 0, 0]]] }, { answered: [['grpc', [20, 0, 0, 0]]] }),
  );
  assert.equal(version.requestsPerSecond, 2);
  assert.equal(version.latencyMs.p50, 0.5);
});

test('what a server counted before it was started again does not count', () => {
  const older = parseReading(metricsText({ answered: [['grpc', [10, 0, 0, 0]]] }), startMs + 60_000);
  const text = metricsText({ answered: [['grpc', [50, 0, 0, 0]]] }, { process_start_time_seconds: 1065 });
  const view = viewOf(parseReading(text, startMs + 70_000), older);
  assert.equal(view.windowSeconds, 5);
  assert.equal(first(view).requestsPerSecond, 10);
  assert.equal(view.server.uptimeSeconds, 5);
});

test('a first reading is of all the time since the start', () => {
  const text = metricsText({ answered: [['grpc', [50, 0, 0, 0]]] });
  const view = viewOf(parseReading(text, startMs + 100_000), undefined);
  assert.equal(view.windowSeconds, 100);
  assert.equal(view.sinceStart, true);
  assert.equal(first(view).requestsPerSecond, 0.5);
});

test('versions of one model divide its requests, and a model with one version has no share', () => {
  const text =
    metricsText({ version: '1', answered: [['grpc', [30, 0, 0, 0]]] }) +
    metricsText({ version: '2', answered: [['grpc', [10, 0, 0, 0]]] }) +
    metricsText({ model: 'alone', answered: [['grpc', [10, 0, 0, 0]]] });
  const { versions } = viewOf(parseReading(text, startMs + 10_000), undefined);
  assert.deepEqual(
    versions.map(({ model, version, trafficShare }) => [model, version, trafficShare]),
    [
      ['alone', '1', null],
      ['digits', '2', 0.25],
      ['digits', '1', 0.75],
    ],
  );
});

test('breaker, cache and queue are told as they stand', () => {
  const counters = {
    tensorgate_breaker_state: 2,
    tensorgate_breaker_opened_total: 3,
    tensorgate_queue_requests: 5,
    tensorgate_queue_oldest_seconds: 0.25,
    tensorgate_cache_entries: 10,
    tensorgate_cache_bytes: 2000,
    'tensorgate_cache_requests_total{outcome="hit"}': 3,
    'tensorgate_cache_requests_total{outcome="miss"}': 1,
  };
  const version = first(viewBetween({}, { counters }));
  assert.equal(version.breaker, 'open');
  assert.equal(version.breakerOpened, 3);
  assert.equal(version.waitingRequests, 5);
  assert.equal(version.oldestWaitSeconds, 0.25);
  assert.deepEqual(version.cache, { hitRatio: 0.75, entries: 10, sizeBytes: 2000, off: false });
  assert.equal(first(viewBetween({}, {})).cache, null);
});

test('views are over at most the window, and its first reading is forgotten when it has left it', () => {
  const recent = new RecentReadings(10_000);
  const at = (seconds: number, answered: number): LiveView =>
    recent.add(
      parseReading(metricsText({ answered: [['grpc', [answered, 0, 0, 0]]] }), startMs + seconds * 1000),
    );
  at(100, 0);
  assert.equal(at(104, 40).windowSeconds, 4);
  assert.equal(at(108, 80).windowSeconds, 8);
  const last = at(112, 1000);
  assert.equal(last.windowSeconds, 8);
  assert.equal(first(last).requestsPerSecond, 120);
});

test('a clock that was set back leaves no window of less than nothing', () => {
  const recent = new RecentReadings();
  recent.add(parseReading(metricsText({}), startMs + 100_000));
  assert.equal(recent.add(parseReading(metricsText({}), startMs + 50_000)).windowSeconds, 50);
});
