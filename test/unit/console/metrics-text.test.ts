import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMetrics, type MetricSample } from '../../../src/console/metrics-text.ts';

function samplesIn(text: string): readonly (readonly [string, MetricSample])[] {
  const samples: (readonly [string, MetricSample])[] = [];
  readMetrics(text, (name, sample) => samples.push([name, sample]));
  return samples;
}

for (const [what, line, name, labels, value] of [
  ['a number without labels', 'up 1', 'up', {}, 1],
  ['labels', 'a_total{b="c",d="e f"} 2.5', 'a_total', { b: 'c', d: 'e f' }, 2.5],
  ['braces, commas and spaces in a label', 'a{b="c} 1",d="{,"} 3', 'a', { b: 'c} 1', d: '{,' }, 3],
  ['escaped characters', String.raw`a{b="q\"b\\s\n"} 4`, 'a', { b: 'q"b\\s\n' }, 4],
  ['infinity', 'a{le="+Inf"} +Inf', 'a', { le: '+Inf' }, Infinity],
  ['exponents', 'a 1.5e-7', 'a', {}, 1.5e-7],
  ['an exemplar after the value', 'a{b="c"} 5 # {trace_id="x"} 0.1 1.0', 'a', { b: 'c' }, 5],
] as const) {
  test(`a sample with ${what} is read`, () => {
    assert.deepEqual(samplesIn(`# TYPE x counter\n${line}\n`), [[name, { labels, value }]]);
  });
}

test('what is no sample is passed over', () => {
  assert.deepEqual(samplesIn('<html>\n\n{a="b"} 1\na{b="c 1\n# EOF\n\u0000\n'), []);
});
