import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prefersOpenMetrics } from '../../../../src/observability/metrics/negotiate.ts';

const cases: readonly (readonly [accept: string, openMetrics: boolean])[] = [
  ['', false],
  ['*/*', false],
  ['text/plain', false],
  ['application/openmetrics-text', true],
  ['application/openmetrics-text; version=1.0.0', true],
  ['text/plain, application/openmetrics-text;q=0.5', false],
  ['application/openmetrics-text;q=0', false],
  ['application/openmetrics-text;q=nonsense', false],
  ['Application/OpenMetrics-Text;version=1.0.0;q=0.75, text/plain;version=0.0.4;q=0.5, */*;q=0.1', true],
  [
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1',
    true,
  ],
];

for (const [accept, openMetrics] of cases) {
  test(`Accept '${accept}' is answered in ${openMetrics ? 'OpenMetrics' : "Prometheus's text"}`, () => {
    assert.equal(prefersOpenMetrics(accept), openMetrics);
  });
}
