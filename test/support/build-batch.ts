import type { Datatype } from '../../src/inference/datatype.ts';
import type { Batch, BatchTensor, SessionPlan } from '../../src/inference/executor.ts';

/** Bytes of a typed array, at an odd offset of their buffer as received bytes may be. */
export function unaligned(elements: ArrayBufferView): Uint8Array {
  const bytes = new Uint8Array(elements.byteLength + 1).subarray(1);
  bytes.set(new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength));
  return bytes;
}

export function buildInput(
  name: string,
  datatype: Datatype,
  shape: readonly number[],
  parts: readonly Uint8Array[],
): BatchTensor {
  return { name, datatype, shape, parts, sizeBytes: parts.reduce((sum, part) => sum + part.byteLength, 0) };
}

export function buildBatch(
  inputs: readonly BatchTensor[],
  outputs: readonly string[] = ['y'],
  rows = 1,
): Batch {
  return { inputs, outputs, rows };
}

/** A batch of the fixture model mlp16 with `rows` rows of `value`, each row a part. */
export function mlpBatch(rows: number, value = 0.5): Batch {
  const parts = Array.from({ length: rows }, () => unaligned(new Float32Array(16).fill(value)));
  return buildBatch([buildInput('x', 'FP32', [rows, 16], parts)], ['y'], rows);
}

const models = new URL('../fixtures/models/', import.meta.url).pathname;

export function fixtureModel(name: string): string {
  return `${models}${name}.onnx`;
}

export function buildPlan(model: string, overrides: Partial<SessionPlan> = {}): SessionPlan {
  return {
    name: model,
    modelPath: fixtureModel(model),
    instances: [{ name: 'cpu', deviceId: 0, options: {} }],
    intraOpThreads: 1,
    interOpThreads: 1,
    executionMode: 'sequential',
    graphOptimization: 'all',
    memoryArena: true,
    memoryPattern: true,
    configEntries: {},
    placement: 'thread',
    isolation: 'thread',
    allowProviderFallback: false,
    ...overrides,
  };
}
