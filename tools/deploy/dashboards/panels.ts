import type { Panel, Query } from '../render-dashboard.ts';

/** Which servers a query looks at. */
export const here = 'job=~"$job", instance=~"$instance"';
/** Which models of theirs. */
export const model = `${here}, model=~"$model"`;
/** Over which rates are taken: Grafana fits it to the resolution. */
export const interval = '[$__rate_interval]';

/** A query and the legend of its series. */
export function q(expr: string, legend: string): Query {
  return { expr, legend };
}

/** A panel over time. */
export function graph(title: string, unit: string, ...queries: readonly Query[]): Panel {
  return { title, unit, queries };
}

/** A panel of one number. */
export function stat(title: string, unit: string, expr: string): Panel {
  return { title, unit, queries: [q(expr, '')], stat: true };
}

/** p50, p90 and p99 of a histogram. */
export function quantiles(metric: string, selector: string): readonly Query[] {
  return [0.5, 0.9, 0.99].map((part) =>
    q(
      `histogram_quantile(${part}, sum by (le) (rate(${metric}_bucket{${selector}}${interval})))`,
      `p${part * 100}`,
    ),
  );
}

/** Mean of a histogram. */
export function mean(metric: string, by: string, selector: string): string {
  const part = (suffix: string): string =>
    `sum by (${by}) (rate(${metric}_${suffix}{${selector}}${interval}))`;
  return `${part('sum')} / ${part('count')}`;
}
