import { capacity } from './dashboards/capacity.ts';
import { overview } from './dashboards/overview.ts';
import { perModel } from './dashboards/per-model.ts';
import type { Dashboard } from './render-dashboard.ts';

/** Those of deploy/grafana. */
export const dashboards: readonly Dashboard[] = [overview, perModel, capacity];
