import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Metric } from '../../../../src/observability/metrics/metric.ts';
import { addArms, rolloutMetrics } from '../../../../src/observability/metrics/rollout-metrics.ts';
import { buildReading } from '../../../support/build-reading.ts';
import { buildArm, buildReport } from '../../../support/build-rollout.ts';

function points(name: string, reading: Parameters<typeof buildReading>[0]): unknown {
  const metric = rolloutMetrics.find((each: Metric) => each.name === name);
  assert.ok(metric?.kind === 'counter' || metric?.kind === 'gauge');
  return metric.read(buildReading(reading)).map(({ labels, value }) => [...Object.values(labels), value]);
}

test('arms of several threads are added up', () => {
  const threads = [
    [buildArm({ requests: 2, failures: 1 }), buildArm({ arm: 'stable', version: '1' })],
    [buildArm({ requests: 3 })],
  ];
  const arms = addArms(threads);
  assert.deepEqual(points('tensorgate_arm_requests_total', { arms }), [
    ['m', '2', 'm-1-to-2', 'canary', 5],
    ['m', '1', 'm-1-to-2', 'stable', 0],
  ]);
  assert.deepEqual(points('tensorgate_arm_failures_total', { arms }), [
    ['m', '2', 'm-1-to-2', 'canary', 1],
    ['m', '1', 'm-1-to-2', 'stable', 0],
  ]);
});

test('a rollout says how much its candidate has, and whether it goes on', () => {
  const rollouts = [buildReport(), buildReport({ model: 'n', phase: 'rolled_back', percent: 0 })];
  assert.deepEqual(points('tensorgate_rollout_candidate_ratio', { rollouts }), [
    ['m', 'm-1-to-2', 0.25],
    ['n', 'm-1-to-2', 0],
  ]);
  assert.deepEqual(points('tensorgate_rollout_phase', { rollouts }), [
    ['m', 'm-1-to-2', 'running', 1],
    ['n', 'm-1-to-2', 'rolled_back', 1],
  ]);
  assert.deepEqual(points('tensorgate_rollout_running', { rollouts }), [
    ['m', 'm-1-to-2', 1],
    ['n', 'm-1-to-2', 0],
  ]);
  assert.deepEqual(points('tensorgate_rollout_rolled_back', { rollouts }), [
    ['m', 'm-1-to-2', 0],
    ['n', 'm-1-to-2', 1],
  ]);
});
