import type { InferResponse } from '../../src/inference/response.ts';
import type { ModelPlan } from '../../src/observability/predictions/plan.ts';
import type { Answered } from '../../src/observability/predictions/prediction-record.ts';
import { buildRequest } from './build-request.ts';
import { buildSpec } from './build-target.ts';

/** Everything is written, and nothing of the inputs. */
export function buildModelPlan(overrides: Partial<ModelPlan> = {}): ModelPlan {
  return {
    sample: 1,
    requestId: 'keep',
    inputHash: false,
    features: new Map(),
    subject: undefined,
    maxRows: 32,
    ...overrides,
  };
}

function floats(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

export function buildResponse(overrides: Partial<InferResponse> = {}): InferResponse {
  return {
    model: 'm',
    version: '1',
    id: 'r1',
    outputs: [{ name: 'y', datatype: 'FP32', shape: [2, 2], data: floats([10, 20, 30, 40]) }],
    parameters: new Map(),
    ...overrides,
  };
}

/** Two rows of the model `m`, [1, 2] and [3, 4], answered with [10, 20] and [30, 40]. */
export function buildAnswered(overrides: Partial<Answered> = {}): Answered {
  const x = { name: 'x', datatype: 'FP32', shape: [2, 2], data: floats([1, 2, 3, 4]) } as const;
  return {
    plan: buildModelPlan(),
    spec: buildSpec(),
    request: buildRequest({ id: 'r1', inputs: [x] }),
    response: buildResponse(),
    epochMs: Date.UTC(2026, 10, 21),
    latencyMs: 1.2346,
    front: 'grpc',
    experiment: '',
    arm: '',
    sizeBytes: 32,
    ...overrides,
  };
}
