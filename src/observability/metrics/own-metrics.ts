import { breakerMetrics } from './breaker-metrics.ts';
import { cacheMetrics } from './cache-metrics.ts';
import { modelMetrics } from './model-metrics.ts';
import type { Metric } from './metric.ts';
import { predictionMetrics } from './prediction-metrics.ts';
import { qualityMetrics } from './quality-metrics.ts';
import { repositoryMetrics } from './repository-metrics.ts';
import { rolloutMetrics } from './rollout-metrics.ts';
import { queueMetrics } from './queue-metrics.ts';
import { serverMetrics } from './server-metrics.ts';

/** All metrics under names of this server, in the order in which they are told. */
export const ownMetrics: readonly Metric[] = [
  ...modelMetrics,
  ...queueMetrics,
  ...breakerMetrics,
  ...cacheMetrics,
  ...predictionMetrics,
  ...qualityMetrics,
  ...rolloutMetrics,
  ...repositoryMetrics,
  ...serverMetrics,
];
