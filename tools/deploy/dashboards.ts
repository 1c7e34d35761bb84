import type { Dashboard, Panel, Query } from './render-dashboard.ts';

/** Which servers, and which models of theirs, a query looks at. */
const here = 'job=~"$job", instance=~"$instance"';
const model = `${here}, model=~"$model"`;
const interval = '[$__rate_interval]';

function q(expr: string, legend: string): Query {
  return { expr, legend };
}

function graph(title: string, unit: string, ...queries: readonly Query[]): Panel {
  return { title, unit, queries };
}

function stat(title: string, unit: string, expr: string): Panel {
  return { title, unit, queries: [q(expr, '')], stat: true };
}

function quantiles(metric: string, selector: string): readonly Query[] {
  return [0.5, 0.9, 0.99].map((part) =>
    q(
      `histogram_quantile(${part}, sum by (le) (rate(${metric}_bucket{${selector}}${interval})))`,
      `p${part * 100}`,
    ),
  );
}

/** Mean of a histogram. */
function mean(metric: string, by: string, selector: string): string {
  const part = (suffix: string): string =>
    `sum by (${by}) (rate(${metric}_${suffix}{${selector}}${interval}))`;
  return `${part('sum')} / ${part('count')}`;
}

const failed = 'code=~"internal|unavailable|deadline_exceeded|resource_exhausted"';

const overview: Dashboard = {
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

const perModel: Dashboard = {
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
        graph(
          'Executors lost, batching off',
          'short',
          q(
            `sum by (model) (increase(tensorgate_executor_restarts_total{${model}}${interval}))`,
            '{{model}} lost',
          ),
          q(`max by (model) (tensorgate_batching_off{${model}})`, '{{model}} off'),
        ),
      ],
    },
  ],
};

const capacity: Dashboard = {
  uid: 'tensorgate-capacity',
  title: 'tensorgate: capacity',
  byModel: true,
  rows: [
    {
      title: 'Is there room?',
      panels: [
        {
          ...graph(
            'Batches running',
            'short',
            q(`sum by (model) (tensorgate_running_batches{${model}})`, '{{model}}'),
          ),
          description: 'As many as a model has instances: it is as busy as it can be.',
        },
        graph(
          'Waiting requests of a replica',
          'short',
          q(`sum by (instance) (tensorgate_queue_requests{${model}})`, '{{instance}}'),
        ),
        graph(
          'Shed load',
          'percentunit',
          q(
            `sum by (model) (rate(tensorgate_requests_refused_total{${model}}${interval})) / (sum by (model) (rate(tensorgate_requests_refused_total{${model}}${interval})) + sum by (model) (rate(tensorgate_request_duration_seconds_count{${model}}${interval})))`,
            '{{model}}',
          ),
        ),
      ],
    },
    {
      title: 'Threads that serve',
      panels: [
        graph(
          'Busy',
          'percentunit',
          q(
            `sum by (instance, thread) (rate(tensorgate_event_loop_seconds_total{${here}, state="active"}${interval})) / sum by (instance, thread) (rate(tensorgate_event_loop_seconds_total{${here}}${interval}))`,
            '{{instance}} {{thread}}',
          ),
        ),
        graph(
          'Late timers, p99',
          's',
          q(
            `histogram_quantile(0.99, sum by (instance, thread, le) (rate(tensorgate_event_loop_delay_seconds_bucket{${here}}${interval})))`,
            '{{instance}} {{thread}}',
          ),
        ),
        graph(
          'Garbage collection',
          'percentunit',
          q(
            `sum by (instance, thread) (rate(tensorgate_gc_duration_seconds_sum{${here}}${interval}))`,
            '{{instance}} {{thread}}',
          ),
        ),
        graph(
          'Heap',
          'percentunit',
          q(
            `tensorgate_heap_used_bytes{${here}} / tensorgate_heap_limit_bytes{${here}}`,
            '{{instance}} {{thread}}',
          ),
        ),
      ],
    },
    {
      title: 'Memory and the machine',
      panels: [
        graph(
          'Byte budget',
          'percentunit',
          q(
            `tensorgate_byte_budget_used_bytes{${here}} / tensorgate_byte_budget_limit_bytes{${here}}`,
            '{{instance}}',
          ),
        ),
        graph('Resident memory', 'bytes', q(`process_resident_memory_bytes{${here}}`, '{{instance}}')),
        graph('Processors of the machine', 'percentunit', q(`nv_cpu_utilization{${here}}`, '{{instance}}')),
        graph(
          'Limits of gRPC that were hit',
          'short',
          q(
            `sum by (instance, limit) (rate(tensorgate_grpc_limit_hits_total{${here}}${interval}))`,
            '{{instance}} {{limit}}',
          ),
        ),
      ],
    },
  ],
};

export const dashboards: readonly Dashboard[] = [overview, perModel, capacity];
