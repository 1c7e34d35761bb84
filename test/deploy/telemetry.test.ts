import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { dashboards } from '../../tools/deploy/dashboards.ts';
import { renderDashboard } from '../../tools/deploy/render-dashboard.ts';
import { root } from '../support/source-tree.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { findDeployProgram, runTool } from './support/deploy-tools.ts';

const promtool = findDeployProgram('promtool');
const rulesFile = 'deploy/prometheus/tensorgate.rules.yaml';

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
}

const { groups } = parse(readFileSync(join(root, rulesFile), 'utf8')) as {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
};
const rules = groups.flatMap(({ rules }) => rules);

/** Every query of every panel and every variable, by where it stands. */
const queries = new Map<string, string>([
  ...rules.map((rule) => [`rule ${rule.record ?? rule.alert ?? ''}`, rule.expr] as const),
  ...dashboards.flatMap(({ uid, rows }) =>
    rows.flatMap(({ panels }) =>
      panels.flatMap(({ title, queries }) =>
        queries.map(({ expr }, index) => [`${uid}: ${title} ${index}`, expr] as const),
      ),
    ),
  ),
]);

/** Names that a scrape can have, with those of a histogram's parts. */
function documentedMetrics(): ReadonlySet<string> {
  const names = new Set(['up']);
  const page = readFileSync(join(root, 'docs', 'metrics.md'), 'utf8');
  for (const [, name = '', type] of page.matchAll(/^\| `(\w+)` \| (counter|gauge|histogram) \|/gm)) {
    if (type !== 'histogram') names.add(name);
    else for (const part of ['bucket', 'sum', 'count']) names.add(`${name}_${part}`);
  }
  return names;
}

test('every metric in a rule or a dashboard is one of docs/metrics.md or a recording rule', () => {
  const known = documentedMetrics();
  const recorded = new Set(rules.map(({ record }) => record));
  const unknown: string[] = [];
  for (const [where, expr] of queries) {
    const withoutLabels = expr.replaceAll(/\{[^}]*\}|\b(?:by|on|ignoring) \([^)]*\)|\[[^\]]*\]/g, '');
    for (const [name] of withoutLabels.matchAll(/[a-zA-Z_][\w:]*/g)) {
      if (/^(?:sum|max|count|rate|increase|histogram_quantile|or|and|by)$/.test(name)) continue;
      if (!known.has(name) && !recorded.has(name)) unknown.push(`${where}: ${name}`);
    }
  }
  assert.deepEqual(unknown, []);
  assert.ok(queries.size > 70);
});

test('labels in rules and dashboards are those that docs/metrics.md lists', () => {
  const page = readFileSync(join(root, 'docs', 'metrics.md'), 'utf8');
  const added = ['job', 'instance', 'namespace', 'le'];
  const listed = Array.from(page.matchAll(/^\| `\w+` \| \w+ \| ([^|]*) \|/gm), ([, labels = '']) =>
    Array.from(labels.matchAll(/`(\w+)`/g), ([, label = '']) => label),
  ).flat();
  const known = new Set([...added, ...listed]);
  const used = Array.from(queries.values()).flatMap((expr) => [
    ...Array.from(expr.matchAll(/(\w+)(?:=~|!=|=)"/g), ([, label = '']) => label),
    ...Array.from(expr.matchAll(/by \(([^)]*)\)/g), ([, list = '']) => list.split(', ')).flat(),
  ]);
  assert.deepEqual(
    used.filter((label) => !known.has(label)),
    [],
  );
  assert.ok(used.length > 100);
});

for (const dashboard of dashboards) {
  test(`deploy/grafana/${dashboard.uid}.json is what tools/deploy/write-dashboards.ts writes`, () => {
    const file = readFileSync(join(root, 'deploy', 'grafana', `${dashboard.uid}.json`), 'utf8');
    assert.deepEqual(JSON.parse(file), JSON.parse(renderDashboard(dashboard)));
  });
}

test('the rules hold what they promise, as promtool tries them', { skip: promtool.skip }, async () => {
  await runTool(promtool, ['check', 'rules', rulesFile]);
  const said = await runTool(promtool, ['test', 'rules', 'test/deploy/prometheus-rules.yaml']);
  assert.match(said, /SUCCESS/);
});

test('every alert is tried by promtool', () => {
  const tried = readFileSync(join(root, 'test', 'deploy', 'prometheus-rules.yaml'), 'utf8');
  const untried = rules.flatMap(({ alert }) =>
    alert === undefined || tried.includes(`alertname: ${alert}\n`) ? [] : [alert],
  );
  assert.deepEqual(untried, []);
});

test('every query of a dashboard is PromQL', { skip: promtool.skip }, async () => {
  using folder = new TemporaryFolder();
  const asRules = Array.from(queries.values(), (expr, index) => ({
    record: `query_${index}`,
    expr: expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$(?:job|instance|model)/g, '.*'),
  }));
  const file = folder.write('rules.json', JSON.stringify({ groups: [{ name: 'queries', rules: asRules }] }));
  assert.match(await runTool(promtool, ['check', 'rules', file]), new RegExp(`${queries.size} rules found`));
});
