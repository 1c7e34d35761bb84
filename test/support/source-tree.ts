import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path/posix';

export const root = join(import.meta.dirname, '..', '..');

/** Path from the repository's root, with forward slashes, to content. */
export type SourceTree = ReadonlyMap<string, string>;

const notOurs = new Set(['node_modules', '.git', '.tools', 'dist', 'coverage', 'target', 'generated']);

/** Every file under a folder of the repository whose name ends as asked. */
export function readTree(folder: string, endings: readonly string[]): SourceTree {
  const files = new Map<string, string>();
  const visit = (path: string): void => {
    for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
      const inner = join(path, entry.name);
      if (entry.isDirectory()) {
        if (!notOurs.has(entry.name)) visit(inner);
      } else if (endings.some((ending) => entry.name.endsWith(ending))) {
        files.set(inner, readFileSync(join(root, inner), 'utf8'));
      }
    }
  };
  visit(folder);
  return files;
}

const tokens =
  /(?<text>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;

/** The code without its comments; texts stay. */
export function withoutComments(code: string): string {
  return code.replace(tokens, (_match, text: string | undefined) => text ?? '');
}

/** `computed` stands for an import() whose module cannot be read from the source. */
export const computed = '(computed)';

const importForms: readonly RegExp[] = [
  /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*(?<quote>['"])(?<specifier>[^'"]+)\k<quote>/gm,
  /^\s*import\s*(?<quote>['"])(?<specifier>[^'"]+)\k<quote>/gm,
  /\bimport\s*\(\s*(?<quote>['"])(?<specifier>[^'"]+)\k<quote>/g,
  // A method may be called import too; only where a value is wanted is it the keyword.
  /(?:\bawait|\breturn|=>|[=(,:?])\s*import\s*\(\s*(?=[^'"\s])/g,
  /\brequire\s*\(\s*(?:(?<quote>['"])(?<specifier>[^'"]+)\k<quote>)?/g,
  /\bnew\s+URL\(\s*(?<quote>['"`])(?<specifier>[^'"`]*)\k<quote>\s*,\s*import\.meta\.url/g,
  /\bnew\s+Worker\(\s*(?<quote>['"`])(?<specifier>[^'"`]*)\k<quote>/g,
];

/** What a module imports in any way: statically, by import(), as the URL of a worker or a file. */
export function importsOf(code: string): readonly string[] {
  const plain = withoutComments(code);
  return importForms.flatMap((form) =>
    [...plain.matchAll(form)].map(({ groups }) => groups?.['specifier'] ?? computed),
  );
}

/** A relative import as a path from the root; `./worker${extension}` stands for the TypeScript file. */
export function resolveImport(file: string, specifier: string): string {
  const path = normalize(join(dirname(file), specifier.replace(/\$\{[^}]*\}$/, '.ts')));
  return relative('.', path) || path;
}
