import { readFileSync, writeFileSync } from 'node:fs';
import { renderMarkdown } from '../../src/config/render.ts';

/** Renews the tables of docs/configuration.md from the schema of the options. */
const page = new URL('../../docs/configuration.md', import.meta.url);
const [start, end] = ['<!-- options begin -->\n', '<!-- options end -->'];
const text = readFileSync(page, 'utf8');
const head = text.slice(0, text.indexOf(start) + start.length);
const tail = text.slice(text.indexOf(end));
writeFileSync(page, `${head}\n${renderMarkdown()}\n${tail}`);
