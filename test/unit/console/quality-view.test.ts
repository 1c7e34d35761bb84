import assert from 'node:assert/strict';
import { test } from 'node:test';
import { qualityRows, rolloutRows } from '../../../src/console/quality-view.ts';
import { parseReading } from '../../../src/console/reading.ts';

const iris = 'model="iris",version="1"';

test('a monitored version has its metrics, its labels and what had drifted', () => {
  const reading = parseReading(
    `tensorgate_quality_labels_total{${iris},outcome="accepted"} 12
tensorgate_quality_labels_total{${iris},outcome="unknown"} 3
tensorgate_quality{${iris},metric="accuracy"} 0.75
tensorgate_quality_below_baseline{${iris}} 1
tensorgate_quality_estimated_accuracy{${iris}} 0.9
tensorgate_drift_share{${iris},side="inputs"} 0.5
tensorgate_drift_psi{${iris},side="inputs",feature="x"} 0.1
tensorgate_drift_psi{${iris},side="inputs",feature="y"} 0.7
tensorgate_drift_drifted{${iris},side="inputs",feature="y"} 1
tensorgate_requests_total{model="plain",version="1"} 1
`,
    0,
  );
  assert.deepEqual(qualityRows(reading), [
    {
      model: 'iris',
      version: '1',
      metrics: new Map([['accuracy', 0.75]]),
      labels: 12,
      belowBaseline: true,
      estimatedAccuracy: 0.9,
      driftShare: new Map([['inputs', 0.5]]),
      drifted: ['y'],
      mostChanged: { name: 'y', index: 0.7 },
    },
  ]);
});

test('before there are labels and windows, nothing is said of them', () => {
  const text = `tensorgate_quality_labels_total{${iris},outcome="accepted"} 0\n`;
  const [row] = qualityRows(parseReading(text, 0));
  assert.equal(row?.estimatedAccuracy, null);
  assert.equal(row?.mostChanged, null);
  assert.equal(row?.driftShare.size, 0);
  assert.deepEqual(qualityRows(parseReading('', 0)), []);
});

test('a rollout has its arms with their parts and counts, and not those of another one', () => {
  const arm = (version: number, name: string, rollout = 'r'): string =>
    `{model="iris",version="${version}",rollout="${rollout}",arm="${name}"}`;
  const reading = parseReading(
    `tensorgate_rollout_phase{model="iris",rollout="r",phase="running"} 1
tensorgate_rollout_phase{model="other",rollout="s",phase="rolled_back"} 1
tensorgate_rollout_arm_ratio${arm(1, 'stable')} 0.9
tensorgate_rollout_arm_ratio${arm(2, 'canary')} 0.1
tensorgate_arm_requests_total${arm(2, 'canary')} 40
tensorgate_arm_requests_total${arm(2, 'canary', 'before')} 7
tensorgate_arm_failures_total${arm(2, 'canary')} 2
`,
    0,
  );
  assert.deepEqual(rolloutRows(reading), [
    {
      model: 'iris',
      name: 'r',
      state: 'running',
      condition: 'good',
      arms: [
        { arm: 'stable', version: '1', share: 0.9, requests: 0, failures: 0 },
        { arm: 'canary', version: '2', share: 0.1, requests: 40, failures: 2 },
      ],
    },
    { model: 'other', name: 's', state: 'rolled back', condition: 'bad', arms: [] },
  ]);
});
