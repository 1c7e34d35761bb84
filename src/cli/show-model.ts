import type { WireMessage } from '../client/connection.ts';
import { items, number, numbers, part, text } from '../client/fields.ts';
import type { CountedTime, ModelCounters } from '../client/model-messages.ts';
import type { ModelMetadata } from '../inference/catalog.ts';
import { printable, renderTable } from './table.ts';

export interface InspectedModel {
  readonly metadata: ModelMetadata;
  readonly config: WireMessage;
  readonly statistics: readonly ModelCounters[];
}

/** What a person wants to know of a model: what it takes and gives, how it is run, and how it has done. */
export function renderModel({ metadata, config, statistics }: InspectedModel): string {
  const { name, versions, platform, inputs, outputs } = metadata;
  const head = `${printable(name)}, version ${versions.join(', ')}, ${printable(platform)}\n`;
  const tensors = [
    ...inputs.map((input) => ['input', input] as const),
    ...outputs.map((output) => ['output', output] as const),
  ];
  const rows = tensors.map(([role, tensor]) => [
    role,
    printable(tensor.name),
    tensor.datatype,
    `[${tensor.shape.join(', ')}]`,
  ]);
  const parts = [head, renderTable(['', 'name', 'datatype', 'shape'], rows), renderScheduling(config)];
  for (const counters of statistics) parts.push(renderCounters(counters));
  return parts.join('\n');
}

function renderScheduling(config: WireMessage): string {
  const batch = number(config, 'max_batch_size');
  const lines = [batch === 0 ? 'no batch dimension' : `batches of up to ${batch} rows`];
  const batching = config['dynamic_batching'];
  if (typeof batching === 'object' && batching !== null) {
    const delay = number(part(batching), 'max_queue_delay_microseconds');
    const sizes = numbers(part(batching), 'preferred_batch_size');
    const waits = delay === 0 ? '' : `, waiting up to ${delay} us`;
    lines.push(
      `requests share batches${waits}${sizes.length === 0 ? '' : `, preferably of ${sizes.join(', ')} rows`}`,
    );
  }
  for (const group of items(config, 'instance_group').map(part)) {
    const kind = text(group, 'kind').replace('KIND_', '');
    lines.push(`${number(group, 'count')} instance${number(group, 'count') === 1 ? '' : 's'} on ${kind}`);
  }
  return `${lines.join('\n')}\n`;
}

function renderCounters(counters: ModelCounters): string {
  const { version, inferenceCount, executionCount, lastInference } = counters;
  if (inferenceCount === 0 && counters.success.count === 0 && counters.fail.count === 0) {
    return `version ${version}: nothing inferred yet\n`;
  }
  const perBatch =
    executionCount === 0
      ? ''
      : ` in ${executionCount} batches (${(inferenceCount / executionCount).toFixed(2)} rows each)`;
  const last = lastInference === 0 ? '' : `, last at ${new Date(lastInference).toISOString()}`;
  const times: readonly (readonly [string, CountedTime])[] = [
    ['success', counters.success],
    ['fail', counters.fail],
    ['queue', counters.queue],
    ['compute input', counters.computeInput],
    ['compute infer', counters.computeInfer],
    ['compute output', counters.computeOutput],
    ['cache hit', counters.cacheHit],
    ['cache miss', counters.cacheMiss],
  ];
  const rows = times
    .filter(([, { count }]) => count > 0)
    .map(([what, { count, ns }]) => [what, `${count}`, `${(ns / count / 1e6).toFixed(3)} ms`]);
  const table = renderTable(['', 'count', 'mean'], rows, new Set(['count', 'mean']));
  return `version ${version}: ${inferenceCount} rows${perBatch}${last}\n${table}${renderBatches(counters)}`;
}

function renderBatches({ batches }: ModelCounters): string {
  if (batches.length === 0) return '';
  const rows = batches
    .toSorted((left, right) => left.batchSize - right.batchSize)
    .map(({ batchSize, computeInfer: { count, ns } }) => [
      `${batchSize}`,
      `${count}`,
      count === 0 ? '-' : `${(ns / count / 1e6).toFixed(3)} ms`,
    ]);
  return `\n${renderTable(['batch', 'times', 'mean'], rows, new Set(['batch', 'times', 'mean']))}`;
}
