import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import { CallContext } from '../../../src/inference/call-context.ts';
import type { Datatype } from '../../../src/inference/datatype.ts';
import type { ModelFeatures } from '../../../src/inference/features.ts';
import type { ModelSpec } from '../../../src/inference/model-spec.ts';
import type { DriftPlan, FeedbackPlan, MonitoringPlan } from '../../../src/inference/monitoring.ts';
import type { Principal } from '../../../src/inference/principal.ts';
import { noParameters } from '../../../src/inference/request.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';
import { profileNumbers } from '../../../src/quality/build-profile.ts';
import { ModelMonitors } from '../../../src/quality/model-monitors.ts';
import { profileFormat } from '../../../src/quality/profile-format.ts';
import { VersionMonitor, type MonitorEvent } from '../../../src/quality/version-monitor.ts';
import { buildSpec, buildTarget, buildTensorSpec } from '../../support/build-target.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { lookAt } from '../../support/watched-requests.ts';

const feedback: FeedbackPlan = {
  keepRequests: 100,
  keepMs: 10_000,
  windowLabels: 100,
  baseline: undefined,
  alertBelow: 0.95,
};
const drift: DriftPlan = {
  profile: undefined,
  firstRows: 1000,
  rowsPerSecond: 10_000,
  windowMs: 0,
  windowRows: 500,
};

const features: ModelFeatures = {
  description: '',
  features: [],
  nonFinite: 'refuse',
  outputs: { prediction: '', probabilities: 'p', logits: '' },
  classes: ['no', 'yes'],
};

const spec: ModelSpec = buildSpec({
  outputs: [buildTensorSpec('p', { dims: [2] })],
  features,
});

const logger = { debug() {}, info() {}, warn() {}, error() {} };

function floats(name: string, shape: readonly number[], values: readonly number[]): Tensor {
  return { name, datatype: 'FP32', shape, data: new Uint8Array(Float32Array.from(values).buffer) };
}

interface Watched {
  readonly monitor: VersionMonitor;
  readonly clock: FakeClock;
  readonly events: MonitorEvent[];
  readonly ask: (rows: readonly (readonly number[])[], scores: readonly number[], id?: string) => CallContext;
}

function watched(plan: Partial<MonitoringPlan>, of: ModelSpec = spec): Watched {
  const clock = new FakeClock();
  const events: MonitorEvent[] = [];
  const onEvent = (event: MonitorEvent): void => void events.push(event);
  const monitor = new VersionMonitor(
    of,
    { feedback: undefined, drift: undefined, ...plan },
    { clock, logger, onEvent },
  );
  const ask: Watched['ask'] = (rows, scores, id = '') => {
    const call = new CallContext(clock.now(), Infinity);
    const shared = { model: 'm', version: '1', id, parameters: noParameters };
    const request = { ...shared, inputs: [floats('x', [rows.length, 2], rows.flat())], outputs: [] };
    lookAt(
      monitor,
      { request: request, response: { ...shared, outputs: [floats('p', [rows.length, 2], scores)] }, call },
      clock.now(),
    );
    return call;
  };
  return { monitor, clock, events, ask };
}

test('an answer is looked at after it was written, not before', () => {
  const { monitor, ask } = watched({ feedback });
  const call = ask([[1, 2]], [0.2, 0.8], 'a');
  assert.equal(monitor.feedback?.report().kept, 0);
  call.finish();
  assert.equal(monitor.feedback?.report().kept, 1);
  assert.equal(monitor.feedback?.label(monitor.feedback.find('anonymous', 'a', 0), ['yes'], 0), 'accepted');
});

test('no more rows are looked at than a second has room for', () => {
  const { monitor, clock, ask } = watched({ drift: { ...drift, rowsPerSecond: 10 } });
  const rows = Array.from({ length: 8 }, () => [1, 2]);
  const scores = rows.flatMap(() => [0.5, 0.5]);
  clock.advance(5000);
  for (let i = 0; i < 5; i++) ask(rows, scores).finish();
  assert.equal(monitor.inputs?.reference.rows, 10);
  clock.advance(500);
  for (let i = 0; i < 5; i++) ask(rows, scores).finish();
  assert.equal(monitor.inputs?.reference.rows, 15);
});

test('the first rows become the reference, and two windows of other data raise one alarm', () => {
  const { monitor, clock, events, ask } = watched({ drift });
  const feed = (count: number, shift: number): void => {
    for (let i = 0; i < count; i++) {
      clock.advance(1);
      ask([[(i * 7919) % 100, shift + ((i * 104_729) % 100)]], [0.4, 0.6]).finish();
    }
  };
  clock.advance(1000);
  feed(1000, 0);
  assert.ok(monitor.inputs?.watch !== undefined);
  feed(1000, 0);
  assert.equal(events.length, 0);
  feed(1500, 50);
  assert.deepEqual(
    events.map(({ kind, details }) => [kind, details]),
    [['drift', { features: ['x[1]'], dataset: true }]],
  );
  feed(500, 0);
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['drift', 'drift_ended'],
  );
});

test('what cannot be read is counted and reaches nobody', () => {
  const { monitor, clock } = watched({ drift });
  const call = new CallContext(0, Infinity);
  const shared = { model: 'm', version: '1', id: '', parameters: noParameters };
  clock.advance(1000);
  const cut = { name: 'p', datatype: 'FP32', shape: [4, 2], data: new Uint8Array(3) } as const;
  const inputs = [floats('x', [4, 2], [1, 2, 3, 4, 5, 6, 7, 8])];
  const request = { ...shared, inputs, outputs: [] };
  lookAt(monitor, { request, response: { ...shared, outputs: [cut] }, call }, clock.now());
  call.finish();
  assert.equal(monitor.failures, 1);
});

for (const [title, profile, text] of [
  ['what is no profile', { features: [] }, /profile of model 'm': format/],
  [
    'a profile of other features',
    { format: profileFormat, features: [profileNumbers('age', [1, 2])] },
    /none of its features is one of the model's \(x\[0\], x\[1\]\)/,
  ],
] as const) {
  test(`a version is not loaded with ${title}`, () => {
    assert.throws(
      () => watched({ drift: { ...drift, profile } }),
      (error) =>
        error instanceof ServingError && error.reason === 'MODEL_PROFILE' && text.test(error.message),
    );
  });
}

const predictions: readonly (readonly [
  title: string,
  of: Partial<ModelSpec>,
  output: Tensor,
  expected: object,
])[] = [
  [
    'logits become probabilities',
    { features: { ...features, outputs: { ...features.outputs, probabilities: '', logits: 'p' } } },
    floats('p', [1, 2], [0, Math.log(3)]),
    { value: 'yes', confidence: 0.75 },
  ],
  [
    'one probability is that of the second class',
    { outputs: [buildTensorSpec('p', { dims: [1] })] },
    floats('p', [1, 1], [0.25]),
    { value: 'no', confidence: 0.75 },
  ],
  [
    'a single float is a number',
    { features: undefined, outputs: [buildTensorSpec('y', { dims: [1] })] },
    floats('y', [1, 1], [2.5]),
    { value: 2.5 },
  ],
  [
    'a text is a class',
    {
      features: undefined,
      outputs: [buildTensorSpec('label', { dims: [1], datatype: 'BYTES' as Datatype })],
    },
    { name: 'label', datatype: 'BYTES', shape: [1, 1], data: Buffer.from('\x03\0\0\0cat') },
    { value: 'cat', confidence: Number.NaN },
  ],
];

for (const [title, of, output, expected] of predictions) {
  test(title, () => {
    const { monitor, clock } = watched(
      { feedback },
      buildSpec({
        ...spec,
        ...of,
        outputsByName: new Map((of.outputs ?? spec.outputs).map((o) => [o.name, o])),
      }),
    );
    const call = new CallContext(0, Infinity);
    const shared = { model: 'm', version: '1', id: 'a', parameters: noParameters };
    lookAt(
      monitor,
      {
        request: { ...shared, inputs: [floats('x', [1, 2], [1, 2])], outputs: [] },
        response: { ...shared, outputs: [output] },
        call,
      },
      clock.now(),
    );
    call.finish();
    const label = 'confidence' in expected ? 'nothing' : 2;
    assert.equal(monitor.feedback?.label(monitor.feedback.find('anonymous', 'a', 0), [label], 0), 'accepted');
    const report = monitor.feedback?.report();
    if (!('confidence' in expected)) assert.equal(report?.metrics.mae, 0.5);
    else if (Number.isNaN(expected.confidence)) assert.equal(report?.estimatedAccuracy, undefined);
    else assert.ok(Math.abs((report?.estimatedAccuracy ?? 0) - Number(expected.confidence)) < 1e-6);
  });
}

test('only who asked may label, or an administrator who says for whom', async () => {
  const clock = new FakeClock();
  await using monitors = new ModelMonitors({ clock, logger, webhook: undefined });
  const monitor = await monitors.create(spec, { feedback, drift: undefined });
  const target = { ...buildTarget([]), spec, monitor };
  monitors.follow(() => [target]);
  const principal = (name: string, ...scopes: ('infer' | 'admin')[]): Principal => ({
    name,
    scopes: new Set(scopes),
    weight: 1,
  });
  const call = new CallContext(0, Infinity, principal('ann', 'infer'));
  const shared = { model: 'm', version: '1', id: 'a', parameters: noParameters };
  lookAt(
    monitor,
    {
      request: { ...shared, inputs: [floats('x', [1, 2], [1, 2])], outputs: [] },
      response: { ...shared, outputs: [floats('p', [1, 2], [0, 1])] },
      call,
    },
    clock.now(),
  );
  call.finish();
  const labels = [{ id: 'a', labels: ['yes'] }];
  const told = { model: 'm', version: '', principal: '', labels };
  assert.equal((await monitors.feedback(told, principal('bob', 'infer'))).unknown, 1);
  await assert.rejects(monitors.feedback({ ...told, principal: 'ann' }, principal('bob', 'infer')), {
    reason: 'SCOPE_MISSING',
  });
  assert.equal(
    (await monitors.feedback({ ...told, principal: 'ann' }, principal('root', 'infer', 'admin'))).accepted,
    1,
  );
  await assert.rejects(monitors.feedback({ ...told, model: 'n' }, principal('ann', 'infer')), {
    reason: 'NOT_MONITORED',
  });
  assert.throws(() => monitors.report('m', '2'), { reason: 'NOT_MONITORED' });
  assert.equal(monitors.reports().length, 1);
});
