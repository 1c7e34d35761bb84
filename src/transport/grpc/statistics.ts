import type { ModelCatalog } from '../../inference/catalog.ts';
import { readStatistics } from '../../inference/protocol-rules.ts';
import { statisticsMessage } from '../../inference/statistics-message.ts';
import type { GrpcMethod } from './method.ts';
import { field, protocolMethod } from './protocol-method.ts';

/** ModelStatistics. */
export function createStatisticsRpcs(catalog: ModelCatalog): readonly GrpcMethod[] {
  return [
    protocolMethod('ModelStatistics', 'infer', (request) => {
      const snapshots = readStatistics(catalog, field(request, 'name'), field(request, 'version'));
      return { model_stats: snapshots.map(statisticsMessage) };
    }),
  ];
}
