import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { test } from 'node:test';
import { readTree, root } from './support/source-tree.ts';

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

const manifest = JSON.parse(read('package.json')) as {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
};

const documents = readTree('.', ['.md']);

test('every runtime dependency has a line that says why it is there, and no other package has', () => {
  const lines = read('docs/dependencies.md').matchAll(/^\| `([^`]+)` [\d.]+ \|/gm);
  assert.deepEqual(
    Array.from(lines, (line) => line[1] ?? '').sort(),
    Object.keys(manifest.dependencies).sort(),
  );
});

test('AGENTS.md can be read in one go, and CLAUDE.md only points to it', () => {
  assert.ok(read('AGENTS.md').split('\n').length <= 150);
  assert.equal(read('CLAUDE.md').trim(), '@AGENTS.md');
});

test('every link from one document to a file of the repository leads somewhere', () => {
  const dead: string[] = [];
  for (const [file, text] of documents) {
    for (const [, target = ''] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      if (!existsSync(join(root, dirname(file), target))) dead.push(`${file}: ${target}`);
    }
  }
  assert.deepEqual(dead, []);
});

test('every npm script that a document names exists', () => {
  const unknown: string[] = [];
  for (const [file, text] of documents) {
    for (const [, script = ''] of text.matchAll(/\bnpm run (?:--silent )?([a-z][\w:-]*)/g)) {
      if (manifest.scripts[script] === undefined) unknown.push(`${file}: ${script}`);
    }
  }
  assert.deepEqual(unknown, []);
});

test('docs/architecture.md shows every folder of src', () => {
  const page = read('docs/architecture.md');
  const folders = new Set(
    [...readTree('src', ['.ts']).keys()].map((file) => {
      const [, first = '', second = ''] = file.split('/');
      return first === 'transport' ? `${first}/${second}` : first;
    }),
  );
  const missing = [...folders].filter(
    (folder) => folder !== 'package-version.ts' && !page.includes(`\`${folder}\``),
  );
  assert.deepEqual(missing, []);
});
