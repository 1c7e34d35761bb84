import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EmfLines, type EmfSource } from '../../../src/observability/emf.ts';
import { ModelStatistics } from '../../../src/observability/statistics.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function model(name: string): { readonly statistics: ModelStatistics; readonly read: () => EmfSource } {
  const statistics = new ModelStatistics({ name, version: '1', clock: new FakeClock() });
  return {
    statistics,
    read: () => ({ statistics: statistics.snapshot(), latencies: statistics.latencies() }),
  };
}

test('each version that was used has a line in the embedded metric format', () => {
  const [used, idle] = [model('iris'), model('idle')];
  for (let ms = 1; ms <= 100; ms++) used.statistics.recordSuccess(ms / 10, ms % 2 === 0 ? 'grpc' : 'http');
  used.statistics.recordFailure(1, 'REJECTED', 'grpc');
  const [line = '', more] = new EmfLines().take([used.read(), idle.read()], 1_700_000_000_000);
  assert.equal(more, undefined);
  const { _aws: aws, ...values } = JSON.parse(line);
  assert.deepEqual(aws.CloudWatchMetrics[0].Dimensions, [['Model', 'Version'], ['Model']]);
  assert.equal(aws.Timestamp, 1_700_000_000_000);
  assert.equal(aws.CloudWatchMetrics[0].Namespace, 'Tensorgate');
  // Every metric that is declared has a value, and the other way round.
  const names: string[] = aws.CloudWatchMetrics[0].Metrics.map(({ Name }: { Name: string }) => Name);
  assert.deepEqual(Object.keys(values).sort(), [...names, 'Model', 'Version'].sort());
  assert.deepEqual([values.Requests, values.Failures, values.Rejected], [101, 1, 1]);
  assert.equal(values.LatencyMean, 5.05);
  assert.ok(values.LatencyP99 > 9 && values.LatencyP99 <= 10, `${values.LatencyP99}`);
});

test('a line tells what happened since the one before, and nothing is no line', () => {
  const iris = model('iris');
  const lines = new EmfLines();
  iris.statistics.recordSuccess(1, 'grpc');
  assert.equal(lines.take([iris.read()], 0).length, 1);
  assert.deepEqual(lines.take([iris.read()], 1), []);
  iris.statistics.recordSuccess(3, 'grpc');
  const [line = ''] = lines.take([iris.read()], 2);
  assert.match(line, /"Requests":1,.*"LatencyMean":3,/);
});

test('a version that was loaded again counts from nothing', () => {
  const lines = new EmfLines();
  const before = model('iris');
  for (let count = 0; count < 5; count++) before.statistics.recordSuccess(1, 'grpc');
  lines.take([before.read()], 0);
  const after = model('iris');
  after.statistics.recordSuccess(2, 'grpc');
  assert.match(lines.take([after.read()], 1)[0] ?? '', /"Requests":1,/);
});
