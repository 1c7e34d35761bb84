import type { Metric } from '../../src/observability/metrics/metric.ts';
import { ownMetrics } from '../../src/observability/metrics/own-metrics.ts';
import { tritonMetrics } from '../../src/observability/metrics/triton-metrics.ts';

/** The tables of docs/metrics.md. */
export function renderMetrics(): string {
  const triton = tritonMetrics({ counters: true, histograms: true });
  return [
    "### Triton's\n",
    ...tableOf(triton),
    "\n### This server's\n",
    ...tableOf(ownMetrics.filter(({ name }) => name.startsWith('tensorgate_'))),
    "\n### Every process's\n",
    ...tableOf(ownMetrics.filter(({ name }) => !name.startsWith('tensorgate_'))),
  ].join('\n');
}

function tableOf(metrics: readonly Metric[]): string[] {
  const rows = metrics.map(({ name, kind, labels, help }) => {
    const names = labels.map((label) => `\`${label}\``).join(', ');
    return `| \`${name}\` | ${kind} | ${names} | ${help} |`;
  });
  return ['| metric | type | labels | meaning |', '| --- | --- | --- | --- |', ...rows];
}
