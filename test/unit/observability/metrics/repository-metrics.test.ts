import assert from 'node:assert/strict';
import { test } from 'node:test';
import { repositoryMetrics } from '../../../../src/observability/metrics/repository-metrics.ts';
import { buildReading } from '../../../support/build-reading.ts';

test('a remote repository tells how it does, and when it could be read once it could', () => {
  const unseen = { source: 's3://b', up: false, failures: 3, fetchedBytes: 7, seenAtEpochMs: undefined };
  const reading = buildReading({
    repositories: [unseen, { ...unseen, source: 's3://c', up: true, seenAtEpochMs: 5000 }],
  });
  const values = repositoryMetrics.map((metric) =>
    metric.kind === 'histogram'
      ? []
      : metric.read(reading).map(({ labels, value }) => [labels['source'], value]),
  );
  assert.deepEqual(values, [
    [
      ['s3://b', 0],
      ['s3://c', 1],
    ],
    [
      ['s3://b', 3],
      ['s3://c', 3],
    ],
    [
      ['s3://b', 7],
      ['s3://c', 7],
    ],
    [['s3://c', 5]],
  ]);
});
