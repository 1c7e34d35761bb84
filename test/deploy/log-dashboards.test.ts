import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { EmfLines } from '../../src/observability/emf.ts';
import { createLogger } from '../../src/observability/log.ts';
import { ModelStatistics } from '../../src/observability/statistics.ts';
import { root } from '../support/source-tree.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** CloudWatch's dashboard body, as far as this one uses it; its own limits. */
const metricWidget = z.strictObject({
  type: z.literal('metric'),
  x: z.int().min(0).max(23),
  y: z.int().min(0),
  width: z.int().min(1).max(24),
  height: z.int().min(1).max(1000),
  properties: z.strictObject({
    title: z.string().min(1),
    region: z.string().regex(/^[a-z]+(?:-[a-z]+)+-\d$/),
    view: z.enum(['timeSeries', 'singleValue', 'bar', 'gauge', 'pie', 'table']),
    stacked: z.boolean(),
    period: z.int().multipleOf(60),
    metrics: z
      .array(
        z.tuple([
          z.strictObject({
            expression: z.string().min(1).max(1024),
            id: z.string().regex(/^[a-z][a-zA-Z0-9_]*$/),
            label: z.string(),
            visible: z.boolean().optional(),
            color: z
              .string()
              .regex(/^#[0-9a-f]{6}$/)
              .optional(),
          }),
        ]),
      )
      .min(1)
      .max(500),
    yAxis: z.strictObject({
      left: z.strictObject({
        min: z.number().optional(),
        max: z.number().optional(),
        label: z.string().optional(),
        showUnits: z.boolean().optional(),
      }),
    }),
    annotations: z
      .strictObject({ horizontal: z.array(z.strictObject({ label: z.string(), value: z.number() })) })
      .optional(),
  }),
});

const textWidget = metricWidget.extend({
  type: z.literal('text'),
  properties: z.strictObject({ markdown: z.string().min(1) }),
});

const cloudWatch = z.strictObject({
  start: z.string().regex(/^-P(?:T\d+[HM]|\d+D)$/),
  periodOverride: z.enum(['auto', 'inherit']),
  widgets: z.array(z.discriminatedUnion('type', [metricWidget, textWidget])).max(500),
});

function emfLine() {
  const statistics = new ModelStatistics({ name: 'm', version: '1', clock: new FakeClock() });
  statistics.recordSuccess(1, 'grpc');
  const source = { statistics: statistics.snapshot(), latencies: statistics.latencies() };
  const [line = ''] = new EmfLines().take([source], 0);
  const directive = z.object({
    _aws: z.object({
      CloudWatchMetrics: z.tuple([
        z.object({
          Namespace: z.string(),
          Dimensions: z.array(z.array(z.string())),
          Metrics: z.array(z.object({ Name: z.string() })),
        }),
      ]),
    }),
  });
  return directive.parse(JSON.parse(line))._aws.CloudWatchMetrics[0];
}

test("the CloudWatch dashboard has CloudWatch's form, and shows metrics that the server prints", () => {
  const text = readFileSync(join(root, 'deploy', 'cloudwatch', 'dashboard.json'), 'utf8');
  const { widgets } = cloudWatch.parse(JSON.parse(text));
  const emf = emfLine();
  const names = new Set(emf.Metrics.map(({ Name }) => Name));
  const dimensions = new Set(emf.Dimensions.map((set) => [emf.Namespace, ...set].join(',')));
  let searches = 0;
  for (const widget of widgets) {
    assert.ok(widget.x + widget.width <= 24);
    if (widget.type === 'text') continue;
    for (const [{ expression }] of widget.properties.metrics) {
      for (const [, schema = '', name = ''] of expression.matchAll(/\{([^}]+)\} MetricName="(\w+)"/g)) {
        searches += 1;
        assert.ok(dimensions.has(schema), schema);
        assert.ok(names.has(name), name);
      }
    }
  }
  assert.ok(searches >= 8);
});

const reference = z.strictObject({ id: z.string(), name: z.string(), type: z.string() });

const savedObject = z.strictObject({
  type: z.enum(['index-pattern', 'search', 'visualization', 'dashboard']),
  id: z.string().min(1),
  attributes: z.record(z.string(), z.unknown()),
  references: z.array(reference),
  coreMigrationVersion: z.string().regex(/^\d+\.\d+\.\d+$/),
  typeMigrationVersion: z.string().regex(/^\d+\.\d+\.\d+$/),
});

const searchSource = z.object({
  query: z.strictObject({ language: z.literal('kuery'), query: z.string() }),
  filter: z.array(z.unknown()),
  indexRefName: z.string().optional(),
});

const objects = readFileSync(join(root, 'deploy', 'kibana', 'tensorgate.ndjson'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => savedObject.parse(JSON.parse(line)));

function text(value: unknown): string {
  return z.string().parse(value);
}

test('the saved objects of Kibana refer to each other only, and to all that they need', () => {
  const known = new Set(objects.map(({ type, id }) => `${type} ${id}`));
  assert.equal(known.size, objects.length);
  for (const { type, id, attributes, references } of objects) {
    for (const to of references) assert.ok(known.has(`${to.type} ${to.id}`), `${id} refers to ${to.id}`);
    assert.notEqual(text(attributes['title']), '');
    if (type === 'index-pattern') continue;
    const meta = z.strictObject({ searchSourceJSON: z.string() }).parse(attributes['kibanaSavedObjectMeta']);
    const { indexRefName } = searchSource.parse(JSON.parse(meta.searchSourceJSON));
    if (type !== 'dashboard')
      assert.ok(
        references.some(({ name }) => name === indexRefName),
        id,
      );
  }
});

test('each panel of the dashboard in Kibana has a place of its own and something to show', () => {
  const dashboard = objects.find(({ type }) => type === 'dashboard') ?? assert.fail('no dashboard');
  const panels = z
    .array(
      z.strictObject({
        type: z.enum(['search', 'visualization']),
        panelIndex: z.string(),
        gridData: z.strictObject({
          x: z.int().min(0),
          y: z.int().min(0),
          w: z.int().max(48),
          h: z.int().min(1),
          i: z.string(),
        }),
        embeddableConfig: z.strictObject({}),
        panelRefName: z.string(),
      }),
    )
    .parse(JSON.parse(text(dashboard.attributes['panelsJSON'])));
  assert.equal(panels.length, dashboard.references.length);
  for (const { panelIndex, panelRefName, gridData, type } of panels) {
    const shown = dashboard.references.find(({ name }) => name === `${panelIndex}:${panelRefName}`);
    assert.equal(shown?.type, type);
    assert.ok(gridData.x + gridData.w <= 48);
  }
  assert.equal(new Set(panels.map(({ gridData: { x, y } }) => `${x} ${y}`)).size, panels.length);
});

/** Names of fields in a line of `--log-format ecs`, with dots between levels. */
function fieldsOf(value: unknown, prefix = ''): readonly string[] {
  if (typeof value !== 'object' || value === null) return [prefix];
  return Object.entries(value).flatMap(([name, inner]) =>
    fieldsOf(inner, prefix === '' ? name : `${prefix}.${name}`),
  );
}

test('what the saved objects search and show are fields that the log has', () => {
  const lines: string[] = [];
  const logger = createLogger({
    level: 'info',
    format: 'ecs',
    sink: { write: (line) => void lines.push(line) },
  });
  const access = {
    front: 'grpc',
    method: 'm',
    route: 'r',
    status: 'OK',
    reason: 'R',
    model: 'm',
    version: '1',
    id: 'i',
  };
  const more = { peer: 'p', principal: 'a', requestBytes: 1, durationMs: 1, traceId: 't', suppressed: 1 };
  logger.warn({ ...access, ...more, error: new Error('e') }, 'request');
  const known = new Set(fieldsOf(JSON.parse(lines.join(''))));
  const named = JSON.stringify(objects).matchAll(
    /(?<![\w.])(?:tensorgate|event|log|error|trace|client|user|service)\.[a-z]\w*(?![\w.]*\.)/gi,
  );
  const used = new Set(Array.from(named, ([name]) => name));
  assert.ok(used.size >= 10, [...used].join(' '));
  assert.deepEqual(
    [...used].filter((name) => !known.has(name)),
    [],
  );
});
