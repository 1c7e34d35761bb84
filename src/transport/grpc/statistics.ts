import type { ModelCatalog } from '../../inference/catalog.ts';
import { readStatistics } from '../../inference/protocol-rules.ts';
import type { StatisticDuration, StatisticsSnapshot } from '../../inference/statistics.ts';
import type { GrpcMethod } from './method.ts';
import { field, protocolMethod } from './protocol-method.ts';

/** ModelStatistics. */
export function createStatisticsRpcs(catalog: ModelCatalog): readonly GrpcMethod[] {
  return [
    protocolMethod('ModelStatistics', 'infer', (request) => {
      const snapshots = readStatistics(catalog, field(request, 'name'), field(request, 'version'));
      return { model_stats: snapshots.map(toMessage) };
    }),
  ];
}

function toMessage(snapshot: StatisticsSnapshot): object {
  return {
    name: snapshot.name,
    version: snapshot.version,
    last_inference: Math.round(snapshot.lastInference),
    inference_count: snapshot.inferenceCount,
    execution_count: snapshot.executionCount,
    inference_stats: {
      success: duration(snapshot.success),
      fail: duration(snapshot.fail),
      queue: duration(snapshot.queue),
      compute_input: duration(snapshot.computeInput),
      compute_infer: duration(snapshot.computeInfer),
      compute_output: duration(snapshot.computeOutput),
      cache_hit: duration(snapshot.cacheHit),
      cache_miss: duration(snapshot.cacheMiss),
    },
    batch_stats: snapshot.batches.map((batch) => ({
      batch_size: batch.batchSize,
      compute_input: duration(batch.computeInput),
      compute_infer: duration(batch.computeInfer),
      compute_output: duration(batch.computeOutput),
    })),
    response_stats: Object.fromEntries(
      snapshot.responses.map((response) => [
        String(response.index),
        {
          compute_infer: duration(response.computeInfer),
          compute_output: duration(response.computeOutput),
          success: duration(response.success),
          fail: duration(response.fail),
          empty_response: duration(response.emptyResponse),
          cancel: duration(response.cancel),
        },
      ]),
    ),
  };
}

function duration({ count, ns }: StatisticDuration): object {
  return { count, ns: Math.round(ns) };
}
