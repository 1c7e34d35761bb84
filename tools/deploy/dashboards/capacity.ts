import type { Dashboard } from '../render-dashboard.ts';
import { graph, here, interval, model, q } from './panels.ts';

/** What is used up, and how far it reaches. */
export const capacity: Dashboard = {
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
