import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ownMetrics } from '../../../../src/observability/metrics/own-metrics.ts';
import { readFamily } from '../../../../src/observability/metrics/metric.ts';
import { tritonMetrics } from '../../../../src/observability/metrics/triton-metrics.ts';
import {
  buildCacheReading,
  buildPredictions,
  buildQuality,
  buildQueue,
  buildReading,
  buildRuntime,
  buildThread,
  buildTransport,
  buildVersion,
} from '../../../support/build-reading.ts';
import { buildArm, buildReport } from '../../../support/build-rollout.ts';
import { root } from '../../../support/source-tree.ts';
import { renderMetrics } from '../../../../tools/docs/metrics-table.ts';

const metrics = [...tritonMetrics({ counters: true, histograms: true }), ...ownMetrics];

test('docs/metrics.md lists every metric as it is', () => {
  const page = readFileSync(join(root, 'docs', 'metrics.md'), 'utf8');
  assert.ok(page.includes(renderMetrics()), 'run: node tools/docs/write-metrics.ts');
});

test('names are unique, and names of our own say their unit and that they count', () => {
  const names = metrics.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, kind } of ownMetrics) {
    assert.match(name, /^(tensorgate|process)_[a-z_]+$/);
    assert.equal(name.endsWith('_total'), kind === 'counter', name);
  }
});

test('each metric has the labels that it is described with', () => {
  const histogram = { bounds: [1], counts: [1, 1], sum: 2 };
  const reading = buildReading({
    configReloads: { success: 1, failure: 0 },
    rollouts: [buildReport()],
    arms: [buildArm()],
    versions: [
      buildVersion({
        decoupled: true,
        use(statistics) {
          statistics.recordSuccess(1, 'grpc');
          statistics.recordFirstAnswer(1);
          statistics.recordCacheHit(1, 1);
        },
      }),
    ],
    queues: [
      buildQueue({
        knees: [{ sizeClass: 1, rows: 1 }],
        curves: [{ sizeClass: 1, costs: [{ rows: 1, ms: 1, samples: 1 }] }],
        cache: buildCacheReading(),
      }),
    ],
    threads: [
      buildThread({
        failures: [{ front: 'grpc', code: 'internal', reason: '', count: 1 }],
        transports: [buildTransport()],
        runtime: buildRuntime({ eventLoopDelay: histogram }),
        predictions: buildPredictions(),
        exporters: [{ exporter: 'traces', state: 'open', cause: 'failures', opened: 1, opensForMs: 1 }],
      }),
    ],
    quality: [buildQuality()],
    repositories: [{ source: 's3://b', up: true, failures: 0, fetchedBytes: 1, seenAtEpochMs: 1 }],
    machine: { cpuUtilization: 0, memoryTotalBytes: 0, memoryUsedBytes: 0 },
  });
  for (const metric of metrics) {
    const { points } = readFamily(metric, reading);
    assert.ok(points.length > 0, metric.name);
    for (const { labels } of points) assert.deepEqual(Object.keys(labels), metric.labels, metric.name);
  }
});
