import type { ModelCatalog } from '../../inference/catalog.ts';
import { readStatistics } from '../../inference/protocol-rules.ts';
import { statisticsMessage } from '../../inference/statistics-message.ts';
import type { StatisticsSnapshot } from '../../inference/statistics.ts';
import { reads, type Endpoint } from './http-call.ts';
import { jsonReply } from './reply.ts';

/** Statistics of one model, or of all. */
export function createStatisticsEndpoints(catalog: ModelCatalog): readonly (readonly [string, Endpoint])[] {
  const stats = reads('infer', ({ path }) =>
    jsonReply({ model_stats: readStatistics(catalog, path.model, path.version).map(toJson) }),
  );
  return [
    ['models/stats', stats],
    ['models/{model}/stats', stats],
  ];
}

function toJson(snapshot: StatisticsSnapshot): object {
  return { ...statisticsMessage(snapshot), memory_usage: [] };
}
