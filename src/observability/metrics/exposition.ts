import type { HistogramPoint, Labels, MetricFamily, NumberPoint, PointExemplar } from './metric.ts';

/** The text that Prometheus has always read, or the standard that grew out of it. */
export type TextFormat = 'prometheus' | 'openmetrics';

/**
 * Writes families that have points, under exactly their own names, where other writers add suffixes.
 *
 * @returns one text for at most `pointsPerSlice` points at a time: whoever sends them may do something else in between.
 */
export function* writeFamilies(
  families: Iterable<MetricFamily>,
  format: TextFormat,
  pointsPerSlice: number,
): Generator<string, void, void> {
  for (const family of families) {
    if (family.points.length === 0) continue;
    let text = header(family, format);
    let points = 0;
    for (const lines of linesOf(family, format)) {
      text += lines;
      points += 1;
      if (points % pointsPerSlice !== 0) continue;
      yield text;
      text = '';
    }
    if (text !== '') yield text;
  }
  if (format === 'openmetrics') yield '# EOF\n';
}

/** OpenMetrics ends each counter's name in _total and leaves that out here; a counter that does not has no known type there. */
function header({ metric }: MetricFamily, format: TextFormat): string {
  const { name, kind } = metric;
  const help = metric.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  const suffix = '_total';
  if (format === 'prometheus' || kind !== 'counter')
    return `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`;
  if (!name.endsWith(suffix)) return `# HELP ${name} ${help}\n# TYPE ${name} unknown\n`;
  const family = name.slice(0, -suffix.length);
  return `# HELP ${family} ${help}\n# TYPE ${family} ${kind}\n`;
}

function* linesOf(family: MetricFamily, format: TextFormat): Generator<string, void, void> {
  const { name } = family.metric;
  if (family.form === 'histogram') {
    for (const point of family.points) yield histogramLines(name, point, format);
  } else {
    for (const point of family.points) yield numberLine(name, point);
  }
}

function numberLine(name: string, { labels, value }: NumberPoint): string {
  const text = labelText(labels);
  return text === '' ? `${name} ${numberText(value)}\n` : `${name}{${text}} ${numberText(value)}\n`;
}

function histogramLines(
  name: string,
  { labels, histogram, exemplars }: HistogramPoint,
  format: TextFormat,
): string {
  const text = labelText(labels);
  const own = text === '' ? '' : `{${text}}`;
  const before = text === '' ? '' : `${text},`;
  let cumulative = 0;
  let buckets = '';
  for (const [bucket, count] of histogram.counts.entries()) {
    cumulative += count;
    const bound = histogram.bounds[bucket] ?? Infinity;
    const exemplar = format === 'openmetrics' ? exemplarText(exemplars?.get(bucket)) : '';
    const le = boundText(bound, format);
    buckets += `${name}_bucket{${before}le="${le}"} ${numberText(cumulative)}${exemplar}\n`;
  }
  return `${name}_count${own} ${numberText(cumulative)}\n${name}_sum${own} ${numberText(histogram.sum)}\n${buckets}`;
}

function exemplarText(exemplar: PointExemplar | undefined): string {
  if (exemplar === undefined) return '';
  const { labels, value, epochSeconds } = exemplar;
  return ` # {${labelText(labels)}} ${numberText(value)} ${epochSeconds.toFixed(3)}`;
}

function labelText(labels: Labels): string {
  let text = '';
  for (const [name, value] of Object.entries(labels)) {
    text += `${text === '' ? '' : ','}${name}="${escapeLabel(value)}"`;
  }
  return text;
}

function escapeLabel(value: string): string {
  return /[\\\n"]/.test(value)
    ? value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
    : value;
}

/** A value as both texts write it. */
export function numberText(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}

/** OpenMetrics wants bounds that compare as text: `1.0`, and exponents of two digits below a ten thousandth. */
function boundText(bound: number, format: TextFormat): string {
  if (bound === Infinity) return '+Inf';
  if (format === 'prometheus') return String(bound);
  if (Number.isInteger(bound)) return `${bound}.0`;
  return bound < 0.0001 ? bound.toExponential().replace(/-(\d)$/, '-0$1') : String(bound);
}
