import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallContext } from '../../../src/inference/call-context.ts';
import { VectorSample } from '../../../src/quality/vector-sample.ts';
import type { DriftPlan } from '../../../src/inference/monitoring.ts';
import { noParameters } from '../../../src/inference/request.ts';
import { driftPage } from '../../../src/quality/drift-page.ts';
import { reportOf } from '../../../src/quality/version-report.ts';
import { VersionMonitor, type MonitorEvent } from '../../../src/quality/version-monitor.ts';
import { buildSpec, buildTensorSpec } from '../../support/build-target.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { seededNormal } from '../../support/seeded-random.ts';
import { lookAt } from '../../support/watched-requests.ts';

const width = 16;
const drift: DriftPlan = {
  profile: undefined,
  firstRows: 1000,
  rowsPerSecond: 100_000,
  windowMs: 0,
  windowRows: 300,
};
const spec = buildSpec({ outputs: [buildTensorSpec('vector', { dims: [width] })] });

interface Watched {
  readonly monitor: VersionMonitor;
  readonly events: MonitorEvent[];
  readonly feed: (rows: number, shift: number) => void;
}

function watched(plan: Partial<DriftPlan> = {}, of = spec): Watched {
  const clock = new FakeClock();
  const events: MonitorEvent[] = [];
  const normal = seededNormal(4);
  const tools = {
    clock,
    logger: new RecordingLogger(),
    onEvent: (event: MonitorEvent) => void events.push(event),
  };
  const monitor = new VersionMonitor(of, { feedback: undefined, drift: { ...drift, ...plan } }, tools);
  const shared = { model: 'm', version: '1', id: '', parameters: noParameters };
  const floats = (name: string, values: Float32Array) =>
    ({ name, datatype: 'FP32', shape: [1, values.length], data: new Uint8Array(values.buffer) }) as const;
  return {
    monitor,
    events,
    feed(rows, shift) {
      for (let row = 0; row < rows; row++) {
        clock.advance(20);
        const call = new CallContext(0, Infinity);
        const vector = Float32Array.from({ length: width }, (_, i) => normal() + (i === 3 ? shift : 0));
        lookAt(
          monitor,
          {
            request: { ...shared, inputs: [floats('x', new Float32Array(2))], outputs: [] },
            response: { ...shared, outputs: [floats('vector', vector)] },
            call,
          },
          clock.now(),
        );
        call.finish();
      }
    },
  };
}

test('a wide output is watched as vectors: half a standard deviation in one direction is drift after two windows', () => {
  const { monitor, events, feed } = watched();
  const [vectors] = monitor.embeddings;
  feed(500, 0);
  assert.deepEqual(vectors?.reference, { rows: 500, needed: 1000 });
  feed(500, 0);
  assert.equal(vectors?.profile?.mean.length, 256);
  feed(900, 0);
  assert.equal(vectors?.last?.drifted, false);
  assert.equal(vectors?.shifts.length, 3);
  feed(300, 0.6);
  assert.equal(vectors?.last?.exceeds, true);
  assert.equal(vectors?.last?.drifted, false);
  feed(300, 0.6);
  assert.equal(vectors?.last?.drifted, true);
  assert.ok(Math.abs((vectors?.last?.shift ?? 0) - 0.6) < 0.2, `${vectors?.last?.shift}`);
  assert.deepEqual(
    events.map(({ kind, details }) => [kind, details]),
    [['drift', { features: ['vector'], dataset: false }]],
  );
  const report = reportOf(monitor);
  assert.equal(report.embeddings[0]?.window?.drifted, true);
  assert.match(
    driftPage('m', [report]),
    /<b>vector<\/b> <small>answers, 16 numbers<\/small> <span class="bad">drifted/,
  );
  feed(300, 0);
  assert.equal(events.at(-1)?.kind, 'drift_ended');
});

test('a profile holds the mean of the features, and a watch goes on from it', () => {
  const first = watched();
  first.feed(1000, 0);
  const { profile } = first.monitor.embeddings[0]!;
  const file = structuredClone({ format: 'tensorgate-profile-1', features: [], embeddings: [profile] });
  const second = watched({ profile: file });
  second.feed(300, 0);
  assert.equal(second.monitor.embeddings[0]?.last?.exceeds, false);
  second.feed(600, 1);
  assert.equal(second.monitor.embeddings[0]?.last?.drifted, true);
});

test('a reference made of vectors in a file, sorted or not, is one of the traffic that is like them', () => {
  const normal = seededNormal(9);
  const rows = Array.from({ length: 1500 }, () => Float32Array.from({ length: width }, () => normal()));
  const sample = new VectorSample(width);
  for (const row of rows.toSorted((a, b) => (a[0] ?? 0) - (b[0] ?? 0))) sample.add(row);
  sample.add(new Float32Array(width).fill(Number.NaN));
  assert.deepEqual([sample.rows, sample.unfitting], [1500, 1]);
  const embedding = sample.profile('vector');
  const file = structuredClone({ format: 'tensorgate-profile-1', features: [], embeddings: [embedding] });
  const { monitor, feed } = watched({ profile: file });
  feed(600, 0);
  assert.equal(monitor.embeddings[0]?.last?.exceeds, false);
  feed(600, 1);
  assert.equal(monitor.embeddings[0]?.last?.drifted, true);
});

test('a reference of vectors of another size is refused, and says both', () => {
  const sample = new VectorSample(3);
  const normal = seededNormal(9);
  for (let row = 0; row < 1000; row++) sample.add(Float32Array.from({ length: 3 }, () => normal()));
  const file = { format: 'tensorgate-profile-1', features: [], embeddings: [sample.profile('vector')] };
  assert.throws(() => watched({ profile: file }), {
    reason: 'MODEL_PROFILE',
    message: /its vectors of 'vector' have 3 numbers, and the model's \d+$/,
  });
});

test('of fewer than a thousand vectors nothing is made', () => {
  const sample = new VectorSample(1);
  for (let row = 0; row < 999; row++) sample.add(Float32Array.of(row));
  assert.equal(sample.profile('vector'), undefined);
});

test('what is saved in the middle of a window goes on as if nothing had been', () => {
  const whole = watched();
  whole.feed(1750, 0.2);
  const before = watched();
  before.feed(1450, 0.2);
  const after = watched();
  after.monitor.restore(
    JSON.parse(JSON.stringify(before.monitor.save())) as ReturnType<VersionMonitor['save']>,
  );
  assert.equal(after.monitor.embeddings[0]?.rows, 150);
  const normal = seededNormal(4);
  for (let i = 0; i < 1450 * width; i++) normal();
  for (let row = 0; row < 150; row++) {
    const values = Float32Array.from({ length: width }, (_, i) => normal() + (i === 3 ? 0.2 : 0));
    after.monitor.embeddings[0]?.add(values, 1_700_000_000_000 + (1451 + row) * 20);
  }
  const [expected, actual] = [whole, after].map(({ monitor }) => monitor.embeddings[0]?.last);
  assert.equal(actual?.pValue, expected?.pValue);
  assert.ok(Math.abs((actual?.shift ?? 0) - (expected?.shift ?? 1)) < 1e-3);
  assert.equal(after.monitor.embeddings[0]?.shifts.length, whole.monitor.embeddings[0]?.shifts.length);
});

test('vectors with what is no number are counted and left out', () => {
  const { monitor } = watched();
  monitor.embeddings[0]?.add(new Float32Array(width).fill(Number.NaN), 0);
  assert.equal(monitor.embeddings[0]?.unfitting, 1);
  assert.equal(monitor.embeddings[0]?.reference.rows, 0);
});

test('no more vectors are looked at than mapping them is worth', () => {
  const wide = buildSpec({ outputs: [buildTensorSpec('vector', { dims: [4096] })] });
  const clock = new FakeClock();
  const tools = { clock, logger: new RecordingLogger(), onEvent: () => undefined };
  const monitor = new VersionMonitor(wide, { feedback: undefined, drift }, tools);
  clock.advance(10_000);
  for (let i = 0; i < 20; i++) {
    const call = new CallContext(0, Infinity);
    const shared = { model: 'm', version: '1', id: '', parameters: noParameters };
    const data = new Uint8Array(4096 * 4);
    const x = { name: 'x', datatype: 'FP32', shape: [1, 2], data: new Uint8Array(8) } as const;
    const output = { name: 'vector', datatype: 'FP32', shape: [1, 4096], data } as const;
    const request = { ...shared, inputs: [x], outputs: [] };
    lookAt(monitor, { request, response: { ...shared, outputs: [output] }, call }, clock.now());
    call.finish();
  }
  assert.equal(monitor.embeddings[0]?.reference.rows, 3);
});

test('inputs that are named are watched as vectors and not number by number', () => {
  const { monitor } = watched({ embeddings: ['x'] });
  assert.deepEqual(
    monitor.embeddings.map(({ tensor }) => tensor),
    [{ name: 'x', width: 2, side: 'inputs' }],
  );
  assert.throws(() => watched({ embeddings: ['y'] }), { reason: 'MODEL_PROFILE' });
});
