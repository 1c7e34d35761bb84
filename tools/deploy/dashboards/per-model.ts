import type { Dashboard } from '../render-dashboard.ts';
import { graph, interval, mean, model, q, quantiles } from './panels.ts';

/** What becomes of the requests of a model. */
export const perModel: Dashboard = {
  uid: 'tensorgate-model',
  title: 'tensorgate: model',
  byModel: true,
  rows: [
    {
      title: 'Requests',
      panels: [
        graph(
          'Answered, by version',
          'reqps',
          q(
            `sum by (model, version) (rate(tensorgate_request_duration_seconds_count{${model}}${interval}))`,
            '{{model}} {{version}}',
          ),
        ),
        graph(
          'Failed, by reason',
          'reqps',
          q(
            `sum by (model, reason) (rate(tensorgate_request_failures_total{${model}}${interval}))`,
            '{{model}} {{reason}}',
          ),
        ),
        graph(
          'Turned away or given up by the scheduler',
          'reqps',
          q(
            `sum by (model, reason) (rate(tensorgate_requests_refused_total{${model}}${interval}))`,
            '{{model}} {{reason}}',
          ),
        ),
      ],
    },
    {
      title: 'Where the time goes',
      panels: [
        graph('Duration', 's', ...quantiles('tensorgate_request_duration_seconds', model)),
        graph('Waiting', 's', ...quantiles('tensorgate_queue_duration_seconds', model)),
        {
          ...graph(
            'Computing, mean of a batch',
            's',
            q(mean('tensorgate_compute_input_duration_seconds', 'model', model), '{{model}} in'),
            q(mean('tensorgate_compute_infer_duration_seconds', 'model', model), '{{model}} run'),
            q(mean('tensorgate_compute_output_duration_seconds', 'model', model), '{{model}} out'),
          ),
          description: 'Counted once for each batch, not for each request.',
        },
      ],
    },
    {
      title: 'Batches',
      panels: [
        graph(
          'Rows of a batch, mean',
          'short',
          q(mean('tensorgate_batch_rows', 'model', model), '{{model}}'),
        ),
        graph(
          'Why batches took no more',
          'short',
          q(`sum by (reason) (rate(tensorgate_batches_closed_total{${model}}${interval}))`, '{{reason}}'),
        ),
        {
          ...graph(
            'Learned time of a batch',
            's',
            q(`max by (model, rows) (tensorgate_batch_cost_seconds{${model}})`, '{{model}}, {{rows}} rows'),
          ),
          description: 'For the size of inputs that is most usual.',
        },
        graph(
          'Rows above which a batch gets no cheaper',
          'short',
          q(`max by (model) (tensorgate_batch_knee_rows{${model}})`, '{{model}}'),
        ),
      ],
    },
    {
      title: 'Queue',
      panels: [
        graph(
          'Waiting requests',
          'short',
          q(`sum by (model) (tensorgate_queue_requests{${model}})`, '{{model}}'),
        ),
        graph('Waiting bytes', 'bytes', q(`sum by (model) (tensorgate_queue_bytes{${model}})`, '{{model}}')),
        graph(
          'The oldest has waited',
          's',
          q(`max by (model) (tensorgate_queue_oldest_seconds{${model}})`, '{{model}}'),
        ),
      ],
    },
    {
      title: 'In service',
      panels: [
        {
          ...graph(
            'Breaker',
            'short',
            q(`max by (model, version) (tensorgate_breaker_state{${model}})`, '{{model}} {{version}}'),
          ),
          description: '0: in service, 1: being tried, 2: out of service.',
        },
        graph(
          'Runs that hung, executors lost',
          'short',
          q(`sum by (model) (increase(tensorgate_hung_runs_total{${model}}${interval}))`, '{{model}} hung'),
          q(
            `sum by (model) (increase(tensorgate_executor_restarts_total{${model}}${interval}))`,
            '{{model}} lost',
          ),
        ),
        graph('Batching off', 'short', q(`max by (model) (tensorgate_batching_off{${model}})`, '{{model}}')),
      ],
    },
    {
      title: 'Cache',
      panels: [
        graph(
          'Looked up, by outcome',
          'reqps',
          q(`sum by (outcome) (rate(tensorgate_cache_requests_total{${model}}${interval}))`, '{{outcome}}'),
        ),
        graph(
          'Went past it, by reason',
          'reqps',
          q(`sum by (reason) (rate(tensorgate_cache_bypassed_total{${model}}${interval}))`, '{{reason}}'),
        ),
        graph(
          'Looking up, computing',
          's',
          q(`max by (model) (tensorgate_cache_lookup_seconds{${model}})`, '{{model}} looking up'),
          q(`max by (model) (tensorgate_cache_compute_seconds{${model}})`, '{{model}} computing'),
        ),
        graph('Memory', 'bytes', q(`sum by (model) (tensorgate_cache_bytes{${model}})`, '{{model}}')),
      ],
    },
  ],
};
