import type { FeatureDrift, DriftWindow } from './drift-watch.ts';
import type { FeedbackReport } from './feedback-watch.ts';
import { shiftLimit } from './embedding-watch.ts';
import type { EmbeddingReport, SideReport, VersionReport } from './version-report.ts';

/** Features that are drawn; the most changed ones first. */
const mostDrawn = 200;

const width = 320;
const height = 90;

const style = `
:root{color-scheme:light dark;--line:#8886;--reference:#7a869a;--current:#1f6feb;--bad:#c62828}
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2rem}
table{border-collapse:collapse;width:100%;max-width:44rem}td,th{padding:.3rem .6rem;border-bottom:1px solid var(--line);text-align:right}
td:first-child,th:first-child{text-align:left;overflow-wrap:anywhere}
.features{display:grid;grid-template-columns:repeat(auto-fill,minmax(21rem,1fr));gap:1rem}
figure{margin:0;padding:.8rem;border:1px solid var(--line);border-radius:.4rem}figure.drifted{border-color:var(--bad)}
figcaption{overflow-wrap:anywhere}small{opacity:.75}
svg{width:100%;height:auto}.reference{fill:var(--reference)}.current{fill:var(--current)}.bad{color:var(--bad);font-weight:600}.limit{stroke:var(--bad);stroke-dasharray:4 3}
.key::before{content:'';display:inline-block;width:.8em;height:.8em;margin-right:.35em;background:var(--reference)}.key.now::before{background:var(--current)}
`;

/** The quality of a model for people: how good it is by its labels, and its traffic against the reference. No scripts. */
export function driftPage(model: string, versions: readonly VersionReport[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Quality of ${escapeText(model)}</title><style>${style}</style></head>
<body><h1>Quality of ${escapeText(model)}</h1>
${versions.map(versionSection).join('\n')}
</body></html>
`;
}

function versionSection({ version, feedback, inputs, answers, embeddings, failures }: VersionReport): string {
  const parts = [`<h2>Version ${escapeText(version)}</h2>`];
  if (feedback !== undefined) parts.push(feedbackTable(feedback));
  if (inputs !== undefined) parts.push(side('What it is asked', inputs));
  const isRead = answers?.reference?.rows !== 0 || !embeddings.some((each) => each.side === 'answers');
  if (answers !== undefined && isRead) parts.push(side('What it answers', answers));
  if (embeddings.length > 0) {
    parts.push(
      `<h3>Vectors as wholes</h3><div class="features">${embeddings.map(vectorFigure).join('\n')}</div>`,
    );
  }
  if (failures > 0) parts.push(`<p class="bad">${failures} answers could not be looked at.</p>`);
  return parts.join('\n');
}

function feedbackTable(report: FeedbackReport): string {
  const { metrics, alert, labelLag, estimatedAccuracy } = report;
  const rows: (readonly [string, string])[] = [
    ['Labels taken', `${report.accepted}`],
    [
      'Labels of unknown requests, repeated, unfitting',
      `${report.unknown}, ${report.repeated}, ${report.unfitting}`,
    ],
    ['Predictions that are kept', `${report.kept}`],
    ...Object.entries(metrics).flatMap(([name, value]): (readonly [string, string])[] =>
      value === undefined ? [] : [[`${name}, newest ${report.windowLabels} labels`, number(value)]],
    ),
  ];
  if (estimatedAccuracy !== undefined)
    rows.push(['Accuracy to expect, by confidence', number(estimatedAccuracy)]);
  if (labelLag !== undefined)
    rows.push(['Label lag, median and 95 %', `${duration(labelLag.medianMs)}, ${duration(labelLag.p95Ms)}`]);
  const note =
    alert?.below === true
      ? `<p class="bad">${escapeText(alert.metric)} is ${number(alert.value ?? Number.NaN)}, beyond the limit of ${number(alert.limit)} (baseline ${number(alert.baseline)}).</p>`
      : '';
  const body = rows.map(([name, value]) => `<tr><td>${escapeText(name)}</td><td>${value}</td></tr>`).join('');
  return `${note}<table>${body}</table>`;
}

function side(title: string, { reference, rows, window }: SideReport): string {
  if (reference !== undefined) {
    return `<h3>${title}</h3><p>The reference is being made: ${reference.rows} of ${reference.needed} rows.</p>`;
  }
  if (window === undefined) return `<h3>${title}</h3><p>No window is complete yet; ${rows} rows so far.</p>`;
  return `<h3>${title}</h3>${summary(window)}<div class="features">${drawn(window).map(figure).join('\n')}</div>`;
}

function summary({ fromMs, toMs, rows, features, drifted }: DriftWindow): string {
  const count = features.filter((feature) => feature.drifted).length;
  const text = `${count} of ${features.length} have drifted${drifted ? ', the data as a whole have' : ''}`;
  return `<p${count > 0 ? ' class="bad"' : ''}>${text}.</p>
<p><small>${rows} rows from ${time(fromMs)} to ${time(toMs)} · <span class="key">reference</span> <span class="key now">current</span></small></p>`;
}

function drawn({ features }: DriftWindow): readonly FeatureDrift[] {
  return features
    .filter(({ values, missingShare }) => values > 0 || missingShare > 0)
    .toSorted((a, b) => Number(b.drifted) - Number(a.drifted) || b.stabilityIndex - a.stabilityIndex)
    .slice(0, mostDrawn);
}

function figure(feature: FeatureDrift): string {
  const name = escapeText(feature.name);
  const change =
    feature.kind === 'number' ? ` · mean ${number(feature.meanOfReference)} → ${number(feature.mean)}` : '';
  const chance = feature.pValue < 0.0001 ? '&lt; 0.0001' : number(feature.pValue);
  return `<figure${feature.drifted ? ' class="drifted"' : ''}><figcaption><b>${name}</b>${feature.drifted ? ' <span class="bad">drifted</span>' : ''}<br>
<small>PSI ${number(feature.stabilityIndex)} · JS ${number(feature.jensenShannon)} · D ${number(feature.distance)} · p ${chance}${change} · missing ${number(100 * feature.missingShareOfReference)} → ${number(100 * feature.missingShare)} %</small></figcaption>
${bars(feature, name)}</figure>`;
}

/** A pair of bars for each bin of the reference. */
function bars({ bins, counts, countsOfReference }: FeatureDrift, name: string): string {
  const now = shares(counts);
  const before = shares(countsOfReference);
  const most = Math.max(...now, ...before, Number.MIN_VALUE);
  const step = width / now.length;
  const bar = (share: number, x: number, kind: string): string => {
    const size = (share / most) * height;
    return `<rect class="${kind}" x="${x.toFixed(1)}" y="${(height - size).toFixed(1)}" width="${(step * 0.42).toFixed(1)}" height="${size.toFixed(1)}"/>`;
  };
  const pairs = now.map((share, bin) => {
    const text = `${bins[bin] ?? ''}: ${number(100 * (before[bin] ?? 0))} % → ${number(100 * share)} %`;
    const both = bar(before[bin] ?? 0, bin * step, 'reference') + bar(share, (bin + 0.45) * step, 'current');
    return `<g><title>${escapeText(text)}</title>${both}</g>`;
  });
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${name}: reference and current shares by bin">${pairs.join('')}</svg>`;
}

function vectorFigure({
  name,
  side,
  width: elements,
  reference,
  rows,
  window,
  shifts,
}: EmbeddingReport): string {
  const title = `<b>${escapeText(name)}</b> <small>${side}, ${elements} numbers</small>`;
  if (window === undefined) {
    const state =
      reference === undefined
        ? `No window is complete yet; ${rows} rows so far.`
        : `The reference is being made: ${reference.rows} of ${reference.needed} rows.`;
    return `<figure><figcaption>${title}<br><small>${state}</small></figcaption></figure>`;
  }
  const { drifted, shift, discrepancy, pValue, rows: all, effectiveRows } = window;
  const chance = pValue < 0.0001 ? '&lt; 0.0001' : number(pValue);
  return `<figure${drifted ? ' class="drifted"' : ''}><figcaption>${title}${drifted ? ' <span class="bad">drifted</span>' : ''}<br>
<small>shift ${number(shift)} standard deviations · MMD ${number(discrepancy)} · p ${chance} · ${all} rows, worth ${effectiveRows}, from ${time(window.fromMs)} to ${time(window.toMs)}</small></figcaption>
${shiftBars(shifts, escapeText(name))}</figure>`;
}

/** A bar for each of the last windows, and a line at the limit. */
function shiftBars(shifts: readonly number[], name: string): string {
  const most = Math.max(...shifts.filter((shift) => Number.isFinite(shift)), 2 * shiftLimit);
  const step = Math.min(width / shifts.length, width / 8);
  const bar = (shift: number, at: number): string => {
    const size = Math.min(shift / most, 1) * height;
    return `<rect class="current" x="${(at * step).toFixed(1)}" y="${(height - size).toFixed(1)}" width="${(step * 0.8).toFixed(1)}" height="${size.toFixed(1)}"><title>${number(shift)}</title></rect>`;
  };
  const limit = (height - (shiftLimit / most) * height).toFixed(1);
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${name}: shift in the last windows, limit ${shiftLimit}">${shifts.map(bar).join('')}<line class="limit" x1="0" x2="${width}" y1="${limit}" y2="${limit}"/></svg>`;
}

function shares(counts: readonly number[]): readonly number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => (total === 0 ? 0 : count / total));
}

function number(value: number): string {
  return Number.isFinite(value) ? `${Number(value.toPrecision(3))}` : '–';
}

function duration(ms: number): string {
  return ms < 120_000 ? `${number(ms / 1000)} s` : `${number(ms / 3_600_000)} h`;
}

function time(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 19).replace('T', ' ');
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeText(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => escapes[character] ?? '');
}
