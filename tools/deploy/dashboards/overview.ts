import type { Dashboard } from '../render-dashboard.ts';
import { graph, here, interval, q, quantiles, stat } from './panels.ts';

const failed = 'code=~"internal|unavailable|deadline_exceeded|resource_exhausted"';

/** How the servers do together. */
export const overview: Dashboard = {
  uid: 'tensorgate-overview',
  title: 'tensorgate: overview',
  byModel: false,
  rows: [
    {
      title: 'Now',
      panels: [
        stat('Servers ready', 'short', `sum(tensorgate_ready{${here}})`),
        stat('Models', 'short', `count(count by (model) (tensorgate_model_info{${here}}))`),
        stat('Requests', 'reqps', `sum(rate(tensorgate_request_duration_seconds_count{${here}}${interval}))`),
        stat(
          'p99',
          's',
          `histogram_quantile(0.99, sum by (le) (rate(tensorgate_request_duration_seconds_bucket{${here}}${interval})))`,
        ),
        stat(
          'Failed, over an hour',
          'percentunit',
          'max(job:tensorgate_requests_failed:ratio_rate1h{job=~"$job"})',
        ),
        stat(
          'Slow, over an hour',
          'percentunit',
          'max(job:tensorgate_requests_slow:ratio_rate1h{job=~"$job"})',
        ),
      ],
    },
    {
      title: 'Requests',
      panels: [
        graph(
          'Answered, by model',
          'reqps',
          q(
            `sum by (model) (rate(tensorgate_request_duration_seconds_count{${here}}${interval}))`,
            '{{model}}',
          ),
        ),
        graph(
          'Not answered, by reason',
          'reqps',
          q(
            `sum by (code, reason) (rate(tensorgate_request_errors_total{${here}}${interval}))`,
            '{{code}} {{reason}}',
          ),
        ),
        graph(
          'Answered, by front',
          'reqps',
          q(
            `sum by (front) (rate(tensorgate_request_duration_seconds_count{${here}}${interval}))`,
            '{{front}}',
          ),
        ),
      ],
    },
    {
      title: 'Objectives',
      panels: [
        graph('Duration', 's', ...quantiles('tensorgate_request_duration_seconds', here)),
        {
          ...graph(
            'Share of failed requests',
            'percentunit',
            q('job:tensorgate_requests_failed:ratio_rate5m{job=~"$job"}', '{{job}}, 5 min'),
            q('job:tensorgate_requests_failed:ratio_rate6h{job=~"$job"}', '{{job}}, 6 h'),
          ),
          description: 'The objective is 0.1 %; alerts begin at multiples of it (deploy/prometheus).',
        },
        graph(
          'Failed requests that were the server’s',
          'reqps',
          q(
            `sum by (instance) (rate(tensorgate_request_errors_total{${here}, ${failed}}${interval}))`,
            '{{instance}}',
          ),
        ),
      ],
    },
    {
      title: 'Servers',
      panels: [
        graph('Ready', 'short', q(`tensorgate_ready{${here}}`, '{{instance}}')),
        graph('Memory', 'bytes', q(`process_resident_memory_bytes{${here}}`, '{{instance}}')),
        graph(
          'Cores in use',
          'short',
          q(`rate(process_cpu_seconds_total{${here}}${interval})`, '{{instance}}'),
        ),
        graph('Connections', 'short', q(`tensorgate_grpc_connections{${here}}`, '{{instance}}')),
      ],
    },
  ],
};
