import {
  entryOf,
  mostMetricEntries,
  type MetricEntry,
  type MetricReport,
} from '../../inference/arm-metrics.ts';
import type { JsonObject, JsonValue } from './json-reader.ts';
import { refuse } from './refuse.ts';
import { isJsonObject } from './repository.ts';

/**
 * `{"metric": ..., "values": [{"request_id": ..., "value": ...}, {"user": ..., "value": ...}]}`, or values that somebody has added up
 * for an arm: `{"metric": ..., "arm": ..., "count": ..., "sum": ...}`.
 *
 * @param caller whose requests are meant where nobody is named. @throws ServingError invalid_argument
 */
export function readMetricReport(model: string, fields: JsonObject, caller: string): MetricReport {
  const metric = textOf(fields, 'metric');
  if (metric === '') throw refuse.field('metric', 'the name of a metric');
  if (fields.has('arm')) {
    const squares = fields.get('squares');
    const added = {
      by: 'arm',
      arm: textOf(fields, 'arm'),
      count: numberOf(fields, 'count'),
      sum: numberOf(fields, 'sum'),
      squares: squares === undefined ? undefined : numberOf(fields, 'squares'),
    } as const;
    return { model, metric, entries: [added] };
  }
  const values = fields.get('values');
  if (!Array.isArray(values)) throw refuse.field('values', 'a list');
  const list: readonly JsonValue[] = values;
  // One more than is allowed is refused later.
  const entries = list.slice(0, mostMetricEntries + 1).map((value): MetricEntry => {
    if (!isJsonObject(value)) throw refuse.field('values', 'a list of objects');
    return entryOf(
      {
        requestId: textOf(value, 'request_id'),
        principal: textOf(value, 'principal'),
        user: textOf(value, 'user'),
        value: value.get('value'),
      },
      caller,
    );
  });
  return { model, metric, entries };
}

function textOf(fields: JsonObject, name: string): string {
  const value = fields.get(name);
  if (value === undefined) return '';
  if (typeof value !== 'string') throw refuse.field(name, 'a text');
  return value;
}

function numberOf(fields: JsonObject, name: string): number {
  const value = fields.get(name);
  if (typeof value !== 'number') throw refuse.field(name, 'a number');
  return value;
}
