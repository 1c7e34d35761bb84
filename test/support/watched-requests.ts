import { CallContext } from '../../src/inference/call-context.ts';
import type { ModelFeatures } from '../../src/inference/features.ts';
import type { ModelSpec } from '../../src/inference/model-spec.ts';
import type { Monitor, MonitoringPlan } from '../../src/inference/monitoring.ts';
import { noParameters, type InferRequest } from '../../src/inference/request.ts';
import type { InferResponse } from '../../src/inference/response.ts';
import { buildSpec, buildTensorSpec } from './build-target.ts';

/** Of a model with two features and two classes, `no` and `yes`. */
export function watchedSpec(monitoring: MonitoringPlan, change: Partial<ModelSpec> = {}): ModelSpec {
  const features: ModelFeatures = {
    description: '',
    features: [],
    nonFinite: 'refuse',
    outputs: { prediction: '', probabilities: 'p', logits: '' },
    classes: ['no', 'yes'],
    monitoring,
  };
  return buildSpec({ outputs: [buildTensorSpec('p', { dims: [2] })], features, ...change });
}

function bytes(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

interface Answered {
  readonly request: InferRequest;
  readonly response: InferResponse;
  readonly call: CallContext;
}

/** As the pipeline does with a request that came at that time; the call is not finished. */
export function lookAt(
  monitor: Monitor | undefined,
  { request, response, call }: Answered,
  nowMs: number,
): void {
  const look = monitor?.choose(request, nowMs);
  if (look !== undefined) monitor?.watch(look, request, response, call);
}

/** A request of one row by `anonymous`, answered with the probability of `yes`, and written. */
export function watchRequest(
  monitor: Monitor | undefined,
  {
    id = '',
    row = [1, 2],
    yes = 0.8,
    nowMs = 0,
    scoreBytes = 8,
  }: {
    readonly id?: string;
    readonly row?: readonly number[];
    readonly yes?: number;
    readonly nowMs?: number;
    /** Fewer than it should have. */
    readonly scoreBytes?: number;
  },
): void {
  const call = new CallContext(0, Infinity);
  const shared = { model: 'm', version: '1', id, parameters: noParameters };
  const input = { name: 'x', datatype: 'FP32', shape: [1, row.length], data: bytes(row) } as const;
  const output = {
    name: 'p',
    datatype: 'FP32',
    shape: [1, 2],
    data: bytes([1 - yes, yes]).subarray(0, scoreBytes),
  } as const;
  const request = { ...shared, inputs: [input], outputs: [] };
  lookAt(monitor, { request, response: { ...shared, outputs: [output] }, call }, nowMs);
  call.finish();
}
