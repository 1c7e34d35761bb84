import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { renderFlags } from '../../../src/config/help.ts';
import { loadOptions } from '../../../src/config/load.ts';
import {
  configJsonSchema,
  effectiveJson,
  renderEffective,
  renderMarkdown,
} from '../../../src/config/render.ts';
import { settings } from '../../../src/config/settings.ts';

test('docs/configuration.md holds exactly the options there are', () => {
  const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
  assert.ok(page.includes(renderMarkdown()), 'run: node tools/docs/write-configuration.ts');
});

test('help names every flag and every alias', () => {
  const help = renderFlags();
  for (const { flag, aliases = [] } of settings) {
    for (const name of [flag, ...aliases]) assert.ok(help.includes(`--${name}`), name);
  }
});

test('no two settings share a flag or a variable', () => {
  const flags = settings.flatMap(({ flag, aliases = [] }) => [flag, ...aliases]);
  assert.equal(new Set(flags).size, flags.length);
  assert.equal(new Set(settings.map(({ environment }) => environment)).size, settings.length);
});

test('the effective configuration shows value and origin of every setting', () => {
  const loaded = loadOptions({ args: ['m', '--grpc-port', '0'], environment: {} });
  if (loaded.kind === 'refused') throw new Error(loaded.problems.join());
  const lines = renderEffective(loaded).trimEnd().split('\n');
  assert.equal(lines.length, settings.length);
  assert.ok(lines.some((line) => /^grpc\.port: 0 +# --grpc-port$/.test(line)));
  assert.deepEqual(JSON.parse(effectiveJson(loaded))['grpc.port'], { value: 0, origin: '--grpc-port' });
});

test('the JSON schema of the file has bounds, defaults and descriptions, and refuses unknown names', () => {
  const schema: unknown = JSON.parse(configJsonSchema());
  const text = JSON.stringify(schema);
  assert.match(text, /"maximum":65535/);
  assert.match(text, /"additionalProperties":false/);
  assert.ok(settings.every(({ about }) => text.includes(JSON.stringify(about))));
});
