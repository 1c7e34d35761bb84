import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeFamilies } from '../../../../src/observability/metrics/exposition.ts';
import type { MetricFamily } from '../../../../src/observability/metrics/metric.ts';

function numbers(
  kind: 'counter' | 'gauge',
  name: string,
  points: readonly { labels: Record<string, string>; value: number }[],
): MetricFamily {
  return { form: 'number', metric: { kind, name, help: 'Some help.', labels: [], read: () => [] }, points };
}

const histogram: MetricFamily = {
  form: 'histogram',
  metric: { kind: 'histogram', name: 'h', help: 'back\\slash\nline', labels: [], read: () => [] },
  points: [
    { labels: {}, histogram: { bounds: [0.00005, 0.001, 1, 2.5], counts: [1, 0, 2, 3, 4], sum: 0.5 } },
  ],
};

test('Prometheus text keeps names, buckets add up, and what has no points has no lines', () => {
  const text = [...writeFamilies([numbers('counter', 'c', []), histogram], 'prometheus', 10)].join('');
  assert.equal(
    text,
    String.raw`# HELP h back\\slash\nline
# TYPE h histogram
h_count 10
h_sum 0.5
h_bucket{le="0.00005"} 1
h_bucket{le="0.001"} 1
h_bucket{le="1"} 3
h_bucket{le="2.5"} 6
h_bucket{le="+Inf"} 10
`,
  );
});

test('OpenMetrics takes _total off the names of families, knows no other counters, and writes bounds its way', () => {
  const families = [
    numbers('counter', 'a_total', [{ labels: {}, value: 1 }]),
    numbers('counter', 'nv_b', [{ labels: { x: '1' }, value: 2 }]),
    numbers('gauge', 'g', [{ labels: {}, value: 0.5 }]),
    histogram,
  ];
  assert.equal(
    [...writeFamilies(families, 'openmetrics', 10)].join(''),
    String.raw`# HELP a Some help.
# TYPE a counter
a_total 1
# HELP nv_b Some help.
# TYPE nv_b unknown
nv_b{x="1"} 2
# HELP g Some help.
# TYPE g gauge
g 0.5
# HELP h back\\slash\nline
# TYPE h histogram
h_count 10
h_sum 0.5
h_bucket{le="5e-05"} 1
h_bucket{le="0.001"} 1
h_bucket{le="1.0"} 3
h_bucket{le="2.5"} 6
h_bucket{le="+Inf"} 10
# EOF
`,
  );
});

test('values of labels cannot end a line or a label', () => {
  const family = numbers('gauge', 'g', [{ labels: { a: 'x"} 1\ng 2\\' }, value: Infinity }]);
  const [, , line, ...rest] = [...writeFamilies([family], 'prometheus', 10)].join('').split('\n');
  assert.equal(line, String.raw`g{a="x\"} 1\ng 2\\"} +Inf`);
  assert.deepEqual(rest, ['']);
});

test('a slice has at most so many points, and a header only the first', () => {
  const points = Array.from({ length: 25 }, (_, n) => ({ labels: { n: `${n}` }, value: n }));
  const slices = [...writeFamilies([numbers('gauge', 'g', points)], 'prometheus', 10)];
  assert.deepEqual(
    slices.map((slice) => slice.trim().split('\n').length),
    [12, 10, 5],
  );
  assert.equal(slices.join('').match(/# TYPE/g)?.length, 1);
});
