/** What watching a model costs the thread that serves, per request: `node native-bench/monitor-cost.ts`. */
import { CallContext } from '../src/inference/call-context.ts';
import type { ModelSpec } from '../src/inference/model-spec.ts';
import type { FeedbackPlan, DriftPlan, MonitoringPlan } from '../src/inference/monitoring.ts';
import { noParameters, type InferRequest } from '../src/inference/request.ts';
import type { InferResponse } from '../src/inference/response.ts';
import { VersionMonitor } from '../src/quality/version-monitor.ts';
import { systemClock } from '../src/util/clock.ts';
import { buildSpec, buildTensorSpec } from '../test/support/build-target.ts';

const features = 50;
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
  const startedAt = performance.now();
  for (let i = 0; i < requests; i++) {
    const id = String(i);
    const request: InferRequest = { ...shared, id, inputs: [{ ...x, data }], outputs: [] };
    const response: InferResponse = { ...shared, id, outputs };
    const call = new CallContext(performance.now(), Infinity);
    const look = monitor?.choose(request, call.receivedAt);
    if (look !== undefined) monitor?.watch(look, request, response, call);
    call.finish();
  }
  const us = ((performance.now() - startedAt) * 1000) / requests;
  console.log(`${name.padEnd(40)} ${us.toFixed(3)} us a request`);
}

for (let round = 0; round < 2; round++) {
  measure('nothing', undefined);
  measure('drift, 200 rows a second', { drift, feedback: undefined });
  measure('drift, every row', { drift: { ...drift, rowsPerSecond: 1e9 }, feedback: undefined });
  measure('labels', { drift: undefined, feedback });
}
