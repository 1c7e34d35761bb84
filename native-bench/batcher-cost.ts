/**
 * What the batcher itself costs: CPU per request with an inline executor that finishes at once.
 *
 * Run: node native-bench/batcher-cost.ts [rounds]
 */
import { createBatcher } from '../src/batching/create-batcher.ts';
import { CallContext } from '../src/inference/call-context.ts';
import type { Batch, BatchResult, Executor } from '../src/inference/executor.ts';
import { silentLogger } from '../src/inference/logger.ts';
import type { ModelSpec, TensorSpec } from '../src/inference/model-spec.ts';
import { noParameters, type InferRequest } from '../src/inference/request.ts';
import type { StatisticsRecorder } from '../src/inference/statistics.ts';
import type { QueuePolicy, Target } from '../src/inference/target.ts';
import type { Tensor } from '../src/inference/tensor.ts';
import { systemClock } from '../src/util/clock.ts';

const rows = 64;

class InstantExecutor implements Executor {
  readonly idle = true;
  readonly inline = true;
  readonly #data = new Uint8Array(10 * 4 * rows);

  run(batch: Batch): Promise<BatchResult> {
    const shape = [batch.rows, 10];
    const data = this.#data.subarray(0, 40 * batch.rows);
    const outputs: readonly Tensor[] = [{ name: 'y', datatype: 'FP32', shape, data }];
    return Promise.resolve({ outputs, inputMs: 0, inferMs: 0, outputMs: 0 });
  }

  onIdle(): Disposable {
    return { [Symbol.dispose]() {} };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const noStatistics: StatisticsRecorder = {
  recordBatch() {},
  recordQueueWait() {},
  recordSuccess() {},
  recordFailure() {},
  recordCacheHit() {},
  recordFirstAnswer() {},
  recordResponse() {},
  recordCacheMiss() {},
  setPending() {},
};

function tensorSpec(name: string, dims: readonly number[]): TensorSpec {
  return {
    name,
    datatype: 'FP32',
    dims,
    reshape: undefined,
    optional: false,
    allowRagged: false,
    labels: [],
  };
}

function buildTarget(): Target {
  const inputs = [tensorSpec('x', [16])];
  const outputs = [tensorSpec('y', [10])];
  const spec: ModelSpec = {
    name: 'm',
    version: '1',
    digest: 'd',
    platform: 'onnxruntime_onnx',
    maxBatchSize: rows,
    decoupled: false,
    inputs,
    outputs,
    inputsByName: new Map(inputs.map((input) => [input.name, input])),
    outputsByName: new Map(outputs.map((output) => [output.name, output])),
  };
  const policy: QueuePolicy = {
    timeoutAction: 'reject',
    defaultTimeoutMicroseconds: 0,
    allowTimeoutOverride: false,
    maxQueueSize: 0,
  };
  return {
    spec,
    scheduling: {
      dynamicBatching: true,
      // Set, so that batches are as large as what waits: the knee of an executor that costs nothing is noise.
      preferredBatchSizes: [rows],
      maxQueueDelayMicroseconds: 0,
      preserveOrdering: false,
      priorityLevels: 0,
      defaultPriorityLevel: 0,
      defaultQueuePolicy: policy,
      priorityQueuePolicies: new Map(),
      rowIndependent: false,
      padding: [],
      paddingOffReason: '',
      ragged: undefined,
      stepwise: false,
      instanceLimits: [],
    },
    executors: [new InstantExecutor()],
    statistics: noStatistics,
  };
}

function buildRequest(): InferRequest {
  const data = new Uint8Array(64);
  const inputs: readonly Tensor[] = [{ name: 'x', datatype: 'FP32', shape: [1, 16], data }];
  return { model: 'm', version: '1', id: '1', inputs, outputs: [], parameters: noParameters };
}

interface Measured {
  readonly batch: number;
  readonly deadline: string;
  readonly cpuNs: number;
  readonly wallNs: number;
}

async function measure(batch: number, deadlineMs: number, requests: number): Promise<Measured> {
  const batcher = createBatcher({ clock: systemClock, logger: silentLogger });
  const target = buildTarget();
  const request = buildRequest();
  const answered = (): void => {};
  const before = process.cpuUsage();
  const startedAt = performance.now();
  for (let sent = 0; sent < requests; sent += batch) {
    const now = performance.now();
    let last: Promise<unknown> = Promise.resolve();
    for (let i = 0; i < batch; i++) {
      last = batcher.submit(target, request, new CallContext(now, now + deadlineMs)).then(answered);
    }
    await last;
  }
  const wallNs = ((performance.now() - startedAt) * 1e6) / requests;
  const used = process.cpuUsage(before);
  return {
    batch,
    deadline: deadlineMs === Infinity ? 'none' : `${deadlineMs} ms`,
    cpuNs: ((used.user + used.system) * 1e3) / requests,
    wallNs,
  };
}

const rounds = Number(process.argv[2] ?? 5);
const best = new Map<string, Measured>();
for (let round = 0; round < rounds; round++) {
  for (const batch of [1, 8, 32, 64]) {
    for (const deadlineMs of [Infinity, 1_000]) {
      const measured = await measure(batch, deadlineMs, batch === 1 ? 50_000 : 200_000);
      const key = `${batch}/${deadlineMs}`;
      const known = best.get(key);
      if (known === undefined || measured.cpuNs < known.cpuNs) best.set(key, measured);
    }
  }
}
console.log('requests in flight | deadline | CPU ns per request | wall ns per request');
for (const { batch, deadline, cpuNs, wallNs } of best.values()) {
  console.log(`${batch} | ${deadline} | ${cpuNs.toFixed(0)} | ${wallNs.toFixed(0)}`);
}
