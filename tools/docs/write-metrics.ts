import { readFileSync, writeFileSync } from 'node:fs';
import { renderMetrics } from './metrics-table.ts';

/** Renews the tables of docs/metrics.md from the metrics themselves. */
const page = new URL('../../docs/metrics.md', import.meta.url);
const [start, end] = ['<!-- metrics begin -->\n', '<!-- metrics end -->'];
const text = readFileSync(page, 'utf8');
const head = text.slice(0, text.indexOf(start) + start.length);
const tail = text.slice(text.indexOf(end));
writeFileSync(page, `${head}\n${renderMetrics()}\n\n${tail}`);
