import type { StatisticDuration, StatisticsSnapshot } from './statistics.ts';

/** One entry of the protocol's `model_stats`, as both fronts send it (Triton's extension "statistics"). */
export function statisticsMessage(snapshot: StatisticsSnapshot): object {
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
