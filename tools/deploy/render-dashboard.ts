/** What a panel shows: PromQL, and the legend of each of its series. */
export interface Query {
  readonly expr: string;
  /** Grafana's template, e.g. `{{model}}`. */
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  /** Grafana's name of it: reqps, s, percentunit, bytes, short. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** Said in the panel's (i). */
  readonly description?: string;
  /** One number instead of a graph. */
  readonly stat?: true;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  /** Offers a choice of models. */
  readonly byModel: boolean;
  readonly rows: readonly Row[];
}

const source = { type: 'prometheus', uid: '${datasource}' };
const gridColumns = 24;

function variable(name: string, query: string): object {
  return {
    name,
    type: 'query',
    label: name,
    datasource: source,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { text: 'All', value: '$__all' },
  };
}

function variables(byModel: boolean): readonly object[] {
  return [
    { name: 'datasource', type: 'datasource', label: 'data source', query: 'prometheus', current: {} },
    variable('job', 'label_values(tensorgate_ready, job)'),
    variable('instance', 'label_values(tensorgate_ready{job=~"$job"}, instance)'),
    ...(byModel ? [variable('model', 'label_values(tensorgate_model_info{job=~"$job"}, model)')] : []),
  ];
}

function panel(shown: Panel, id: number, place: object): object {
  return {
    id,
    type: shown.stat === true ? 'stat' : 'timeseries',
    title: shown.title,
    ...(shown.description === undefined ? {} : { description: shown.description }),
    datasource: source,
    gridPos: place,
    fieldConfig: {
      defaults: { unit: shown.unit, min: 0, custom: shown.stat === true ? {} : { fillOpacity: 10 } },
      overrides: [],
    },
    options:
      shown.stat === true
        ? { reduceOptions: { calcs: ['lastNotNull'] } }
        : { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: shown.queries.map(({ expr, legend }, index) => ({
      refId: String.fromCodePoint(65 + index),
      datasource: source,
      expr,
      legendFormat: legend,
    })),
  };
}

/** The JSON that Grafana imports, or provisions from a file. Panels of a row share its width. */
export function renderDashboard({ uid, title, byModel, rows }: Dashboard): string {
  const panels: object[] = [];
  let y = 0;
  for (const row of rows) {
    const id = panels.length + 1;
    panels.push({
      id,
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y, w: gridColumns, h: 1 },
    });
    y += 1;
    const width = gridColumns / row.panels.length;
    const height = row.panels.every(({ stat }) => stat === true) ? 4 : 8;
    for (const [column, shown] of row.panels.entries()) {
      panels.push(panel(shown, id + 1 + column, { x: column * width, y, w: width, h: height }));
    }
    y += height;
  }
  const model = {
    uid,
    title,
    tags: ['tensorgate'],
    schemaVersion: 41,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    timezone: 'browser',
    templating: { list: variables(byModel) },
    links: [
      { title: 'tensorgate', type: 'dashboards', tags: ['tensorgate'], keepTime: true, includeVars: true },
    ],
    panels,
  };
  return `${JSON.stringify(model, undefined, 2)}\n`;
}
