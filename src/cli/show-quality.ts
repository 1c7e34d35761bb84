import { printable, renderTable } from './table.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Features that are shown, the most changed ones first. */
const mostShown = 15;

/** The report of a server for people. */
export function summarize(report: unknown): string {
  return list(fields(report)['versions']).map(versionText).join('\n');
}

function versionText(version: Fields): string {
  const lines = [`version ${printable(String(version['version']))}\n`];
  const feedback = fields(version['feedback']);
  if (Object.keys(feedback).length > 0) {
    const metrics = Object.entries(fields(feedback['metrics'])).map(([name, value]) => [name, number(value)]);
    const rows = [
      ['labels', String(feedback['accepted'])],
      ['kept', String(feedback['kept'])],
      ...metrics,
      ...(feedback['estimatedAccuracy'] === undefined
        ? []
        : [['accuracy by confidence', number(feedback['estimatedAccuracy'])]]),
    ];
    lines.push(renderTable(['', 'newest labels'], rows));
    const alert = fields(feedback['alert']);
    if (alert['below'] === true) {
      lines.push(`${String(alert['metric'])} is beyond its limit of ${number(alert['limit'])}\n`);
    }
  }
  for (const side of ['inputs', 'answers']) lines.push(sideText(side, fields(version[side])));
  for (const embedding of list(version['embeddings'])) lines.push(embeddingText(embedding));
  return lines.join('');
}

function embeddingText(embedding: Fields): string {
  const name = `${printable(String(embedding['name']))}, as vectors`;
  const reference = fields(embedding['reference']);
  if (reference['needed'] !== undefined) {
    return `${name}: the reference has ${number(reference['rows'])} of ${number(reference['needed'])} rows\n`;
  }
  const window = fields(embedding['window']);
  if (window['rows'] === undefined)
    return `${name}: ${number(embedding['rows'])} rows, no window is complete yet\n`;
  const state = window['drifted'] === true ? ', drifted' : window['exceeds'] === true ? ', changed' : '';
  return `${name}: ${number(window['rows'])} rows, shift ${number(window['shift'])}, p ${number(window['pValue'])}${state}\n`;
}

function sideText(name: string, side: Fields): string {
  if (Object.keys(side).length === 0) return '';
  const reference = fields(side['reference']);
  if (reference['needed'] !== undefined) {
    return `${name}: the reference has ${number(reference['rows'])} of ${number(reference['needed'])} rows\n`;
  }
  const window = fields(side['window']);
  if (window['rows'] === undefined)
    return `${name}: ${number(side['rows'])} rows, no window is complete yet\n`;
  const features = list(window['features']).toSorted(
    (a, b) => Number(b['stabilityIndex']) - Number(a['stabilityIndex']),
  );
  const rows = features
    .slice(0, mostShown)
    .map((feature) => [
      printable(String(feature['name'])),
      number(feature['stabilityIndex']),
      number(feature['distance']),
      number(feature['pValue']),
      feature['drifted'] === true ? 'drifted' : feature['exceeds'] === true ? 'changed' : '',
    ]);
  return `${name}: ${number(window['rows'])} rows\n${renderTable(['feature', 'PSI', 'D', 'p', ''], rows)}`;
}

function number(value: unknown): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(3))) : '-';
}

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fields) : [];
}
