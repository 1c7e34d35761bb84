import { CallContext } from '../../src/inference/call-context.ts';
import type { Executor } from '../../src/inference/executor.ts';
import type { ModelSpec, TensorSpec } from '../../src/inference/model-spec.ts';
import { anonymous, type Principal } from '../../src/inference/principal.ts';
import { noParameters, type InferRequest, type Parameter } from '../../src/inference/request.ts';
import type { FailureReason, ResponseEnding, StatisticsRecorder } from '../../src/inference/statistics.ts';
import type { QueuePolicy, Scheduling, Target } from '../../src/inference/target.ts';

/** Remembers what it was told, in order where order matters. */
export class StatisticsNotebook implements StatisticsRecorder {
  readonly batches: { rows: number; requests: number; queueMs: number; inferMs: number }[] = [];
  readonly queueWaits: number[] = [];
  readonly successes: number[] = [];
  readonly firstAnswers: number[] = [];
  readonly responses: string[] = [];
  readonly failures: { totalMs: number; reason: FailureReason }[] = [];
  pending = 0;
  mostPending = 0;

  recordBatch(rows: number, requests: number, queueMs: number, _inputMs: number, inferMs: number): void {
    this.batches.push({ rows, requests, queueMs, inferMs });
  }

  recordQueueWait(queueMs: number): void {
    this.queueWaits.push(queueMs);
  }

  recordSuccess(totalMs: number): void {
    this.successes.push(totalMs);
  }

  recordFirstAnswer(totalMs: number): void {
    this.firstAnswers.push(totalMs);
  }

  recordResponse(
    index: number,
    ending: ResponseEnding,
    { inferMs, outputMs }: { readonly inferMs: number; readonly outputMs: number },
  ): void {
    this.responses.push(`${index} ${ending} ${inferMs}+${outputMs}`);
  }

  recordFailure(totalMs: number, reason: FailureReason): void {
    this.failures.push({ totalMs, reason });
  }

  recordCacheHit(): void {}

  recordCacheMiss(): void {}

  setPending(requests: number): void {
    this.pending = requests;
    this.mostPending = Math.max(this.mostPending, requests);
  }
}

export function buildTensorSpec(name: string, overrides: Partial<TensorSpec> = {}): TensorSpec {
  return {
    name,
    datatype: 'FP32',
    dims: [2],
    reshape: undefined,
    optional: false,
    allowRagged: false,
    labels: [],
    ...overrides,
  };
}

/** A model `m` with an input x of two floats a row and an output y; up to 8 rows unless said otherwise. */
export function buildSpec(overrides: Partial<ModelSpec> = {}): ModelSpec {
  const inputs = overrides.inputs ?? [buildTensorSpec('x')];
  const outputs = overrides.outputs ?? [buildTensorSpec('y')];
  return {
    name: 'm',
    version: '1',
    digest: 'd1',
    platform: 'onnxruntime_onnx',
    maxBatchSize: 8,
    decoupled: false,
    inputs,
    outputs,
    inputsByName: new Map(inputs.map((input) => [input.name, input])),
    outputsByName: new Map(outputs.map((output) => [output.name, output])),
    ...overrides,
  };
}

export const openPolicy: QueuePolicy = {
  timeoutAction: 'reject',
  defaultTimeoutMicroseconds: 0,
  allowTimeoutOverride: false,
  maxQueueSize: 0,
};

export function buildScheduling(overrides: Partial<Scheduling> = {}): Scheduling {
  return {
    dynamicBatching: true,
    preferredBatchSizes: [],
    maxQueueDelayMicroseconds: 0,
    preserveOrdering: false,
    priorityLevels: 0,
    defaultPriorityLevel: 0,
    defaultQueuePolicy: openPolicy,
    priorityQueuePolicies: new Map(),
    rowIndependent: false,
    padding: [],
    paddingOffReason: '',
    ragged: undefined,
    stepwise: false,
    instanceLimits: [],
    ...overrides,
  };
}

export interface NotedTarget extends Target {
  readonly statistics: StatisticsNotebook;
}

export function buildTarget(
  executors: readonly Executor[],
  overrides: { readonly spec?: Partial<ModelSpec>; readonly scheduling?: Partial<Scheduling> } = {},
): NotedTarget {
  return {
    spec: buildSpec(overrides.spec),
    scheduling: buildScheduling(overrides.scheduling),
    executors,
    statistics: new StatisticsNotebook(),
  };
}

/** A request whose row i holds the floats `first + i` and 0. */
export function rowsRequest(
  rows: number,
  first = 0,
  { id = '', outputs = [], parameters = {} }: RowsRequestOptions = {},
): InferRequest {
  const floats = new Float32Array(rows * 2);
  for (let row = 0; row < rows; row++) floats[row * 2] = first + row;
  return {
    model: 'm',
    version: '',
    id,
    inputs: [{ name: 'x', datatype: 'FP32', shape: [rows, 2], data: new Uint8Array(floats.buffer) }],
    outputs: outputs.map((name) => ({ name, parameters: noParameters })),
    parameters: new Map(Object.entries(parameters)),
  };
}

export interface RowsRequestOptions {
  readonly id?: string;
  readonly outputs?: readonly string[];
  readonly parameters?: Readonly<Record<string, Parameter>>;
}

/** The first float of each row of an output. */
export function firstOfRows(data: Uint8Array): readonly number[] {
  const floats = new Float32Array(new Uint8Array(data).buffer);
  return Array.from({ length: floats.length / 2 }, (_, row) => floats[row * 2] ?? Number.NaN);
}

export function callAt(
  receivedAt: number,
  { deadline = Infinity, principal = anonymous }: { deadline?: number; principal?: Principal } = {},
): CallContext {
  return new CallContext(receivedAt, deadline, principal);
}

export function principalNamed(name: string, weight = 1): Principal {
  return { name, scopes: new Set(['infer']), weight };
}
