/** What watching a model costs the thread that serves, in CPU time of each request: `node native-bench/monitor-cost.ts [--features 50]`. */
import { parseArgs } from 'node:util';
import { CallContext } from '../src/inference/call-context.ts';
import type { ModelSpec } from '../src/inference/model-spec.ts';
import type { FeedbackPlan, DriftPlan, MonitoringPlan } from '../src/inference/monitoring.ts';
import { noParameters, type InferRequest } from '../src/inference/request.ts';
import type { InferResponse } from '../src/inference/response.ts';
import { EmbeddingWatch } from '../src/quality/embedding-watch.ts';
import { VersionMonitor } from '../src/quality/version-monitor.ts';
import { systemClock } from '../src/util/clock.ts';
import { buildSpec, buildTensorSpec } from '../test/support/build-target.ts';

const { values: flags } = parseArgs({ options: { features: { type: 'string', default: '50' } } });
const features = Number(flags.features);
const classes = 10;
const requests = 300_000;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

const spec: ModelSpec = buildSpec({
  inputs: [buildTensorSpec('x', { dims: [features] })],
  outputs: [buildTensorSpec('probabilities', { dims: [classes] })],
});
const feedback: FeedbackPlan = {
  keepRequests: 100_000,
  keepMs: 1e9,
  windowLabels: 1000,
  baseline: undefined,
  alertBelow: 0.95,
};
const drift: DriftPlan = {
  profile: undefined,
  firstRows: 1000,
  rowsPerSecond: 200,
  windowMs: 3_600_000,
  windowRows: 1000,
};

function measure(name: string, plan: MonitoringPlan | undefined): void {
  const monitor =
    plan && new VersionMonitor(spec, plan, { clock: systemClock, logger: silent, onEvent: () => undefined });
  const x = { name: 'x', datatype: 'FP32', shape: [1, features] } as const;
  const data = new Uint8Array(Float32Array.from({ length: features }, Math.random).buffer);
  const scores = new Uint8Array(Float32Array.from({ length: classes }, () => 1 / classes).buffer);
  const outputs = [{ name: 'probabilities', datatype: 'FP32', shape: [1, classes], data: scores }] as const;
  const shared = { model: spec.name, version: spec.version, parameters: noParameters };
  const before = process.threadCpuUsage();
  for (let i = 0; i < requests; i++) {
    const id = String(i);
    const request: InferRequest = { ...shared, id, inputs: [{ ...x, data }], outputs: [] };
    const response: InferResponse = { ...shared, id, outputs };
    const call = new CallContext(performance.now(), Infinity);
    const look = monitor?.choose(request, call.receivedAt);
    if (look !== undefined) monitor?.watch(look, request, response, call);
    call.finish();
  }
  const { user, system } = process.threadCpuUsage(before);
  const us = (user + system) / requests;
  console.log(`${name.padEnd(40)} ${us.toFixed(3)} us a request`);
}

for (let round = 0; round < 2; round++) {
  measure('nothing', undefined);
  measure('drift, 200 rows a second', { drift, feedback: undefined });
  measure('drift, every row', { drift: { ...drift, rowsPerSecond: 1e9 }, feedback: undefined });
  measure('labels', { drift: undefined, feedback });
}

/** What one vector costs; so many are looked at in a second as docs/quality.md says. */
function measureVectors(width: number): void {
  const watch = new EmbeddingWatch({
    tensor: { name: 'x', width, side: 'inputs' },
    profile: undefined,
    firstRows: 1000,
    windowMs: 0,
    windowRows: 1000,
    tensors: 1,
    nowMs: 0,
    onWindow: () => undefined,
  });
  const vectors = Array.from({ length: 100 }, () => Float32Array.from({ length: width }, Math.random));
  const count = 20_000;
  const before = process.threadCpuUsage();
  for (let i = 0; i < count; i++) watch.add(vectors[i % vectors.length] ?? new Float32Array(width), i);
  const { user, system } = process.threadCpuUsage(before);
  console.log(`a vector of ${width} numbers`.padEnd(40), `${((user + system) / count).toFixed(3)} us`);
}

for (const width of [16, 768]) measureVectors(width);
