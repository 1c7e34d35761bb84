import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { LineCounter, isNode, parseDocument, type Document } from 'yaml';
import type { Given, Reading } from './given.ts';
import { settings } from './settings.ts';
import { hint } from './suggest.ts';

/** A configuration is a page or two; anything larger is the wrong file. */
const maxFileBytes = 1024 * 1024;

/** Reads a YAML file; JSON is YAML. */
export function readConfigFile(path: string): Reading {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return { given: [], problems: [`cannot read the configuration file ${path}: ${reason}`], notices: [] };
  }
  if (text.length > maxFileBytes) {
    return { given: [], problems: [`${path} is larger than ${maxFileBytes} bytes`], notices: [] };
  }
  return readConfigText(text, basename(path));
}

/** As {@link readConfigFile}, for a text at hand; `name` stands in the errors. */
export function readConfigText(text: string, name: string): Reading {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    const problems = document.errors.map(
      (error) => `${name}:${lines.linePos(error.pos[0]).line}: ${error.message}`,
    );
    return { given: [], problems, notices: [] };
  }
  let content: unknown;
  try {
    content = document.toJS();
  } catch (error) {
    return { given: [], problems: [`${name}: ${String(error)}`], notices: [] };
  }
  return flatten(content ?? {}, (path) => origin(document, lines, path, name));
}

function origin(document: Document, lines: LineCounter, path: readonly string[], name: string): string {
  const node: unknown = document.getIn(path, true);
  const offset = isNode(node) ? node.range?.[0] : undefined;
  return offset === undefined ? name : `${name}:${lines.linePos(offset).line}`;
}

/** Takes nested options apart into settings. Unknown names and parts that are no mappings are problems. */
export function flatten(content: unknown, originOf: (path: readonly string[]) => string): Reading {
  const leaves = new Map(settings.map((setting) => [setting.path, setting]));
  const given: Given[] = [];
  const problems: string[] = [];
  const visit = (value: unknown, path: readonly string[]): void => {
    const where = path.join('.');
    if (leaves.has(where)) {
      if (value !== undefined && value !== null) given.push({ path: where, value, origin: originOf(path) });
      return;
    }
    const known = childrenOf(where);
    if (known.size === 0) {
      const siblings = childrenOf(path.slice(0, -1).join('.'));
      problems.push(`${where} is not an option${hint(path.at(-1) ?? '', siblings)} (${originOf(path)})`);
    } else if (value === null || value === undefined) {
      return;
    } else if (typeof value !== 'object' || Array.isArray(value)) {
      problems.push(`${where === '' ? 'the configuration' : where} must be a mapping (${originOf(path)})`);
    } else {
      for (const [key, child] of Object.entries(value)) visit(child, [...path, key]);
    }
  };
  visit(content, []);
  return { given, problems, notices: [] };
}

/** Names directly under a part of the options. */
function childrenOf(part: string): Set<string> {
  const prefix = part === '' ? '' : `${part}.`;
  const names = settings.filter((setting) => setting.path.startsWith(prefix)).map((setting) => setting.path);
  return new Set(names.map((path) => path.slice(prefix.length).split('.')[0] ?? ''));
}
