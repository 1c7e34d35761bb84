import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dashboards } from './dashboards.ts';
import { renderDashboard } from './render-dashboard.ts';

/** Renews the JSON of Grafana's dashboards in deploy/grafana from tools/deploy/dashboards.ts. */
const folder = join(import.meta.dirname, '..', '..', 'deploy', 'grafana');
mkdirSync(folder, { recursive: true });
for (const dashboard of dashboards) {
  writeFileSync(join(folder, `${dashboard.uid}.json`), renderDashboard(dashboard));
}
