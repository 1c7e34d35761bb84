/**
 * Breaks one rule of src/transport/h2 at a time, in a copy, and shows that the transport's tests notice
 * (`npm run test:mutants`). A mutant that survives is a rule without a test. Words on the command line pick mutants by
 * their names.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mutants, type Mutant } from './ci/h2-mutants.ts';

const root = join(import.meta.dirname, '..');
/** In the order in which they are tried; the first are the fastest. */
const suites = [
  ['--test-isolation=none', 'test/unit/transport/h2/*.test.ts'],
  ['test/interop/h2spec.ts', 'test/conformance/transport/*.test.ts'],
] as const;
/** A suite that hangs has noticed as well. */
const suiteTimeoutMs = 60_000;

function makeCopy(): string {
  const copy = mkdtempSync(join(tmpdir(), 'tensorgate-mutants-'));
  for (const name of ['src', 'test', 'proto', 'package.json']) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  for (const name of ['node_modules', '.tools']) symlinkSync(join(root, name), join(copy, name));
  return copy;
}

/** The suite that fails; undefined when none does. */
function failingSuite(copy: string): string | undefined {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('NODE_TEST')),
  );
  return suites
    .find((files) => {
      const options = {
        cwd: copy,
        env,
        timeout: suiteTimeoutMs,
        killSignal: 'SIGKILL',
        stdio: 'ignore',
      } as const;
      return spawnSync(process.execPath, ['--test', ...files], options).status !== 0;
    })
    ?.at(-1);
}

function breakRule(copy: string, { file, find, replace }: Mutant): Disposable {
  const path = join(copy, 'src', 'transport', 'h2', file);
  const source = readFileSync(path, 'utf8');
  if (!source.includes(find)) throw new Error(`${file} has no '${find}' any more`);
  writeFileSync(
    path,
    source.replace(find, () => replace),
  );
  return { [Symbol.dispose]: () => writeFileSync(path, source) };
}

const words = process.argv.slice(2);
const wanted = mutants.filter(({ name }) => words.every((word) => name.includes(word)));
const copy = makeCopy();
try {
  const before = failingSuite(copy);
  if (before !== undefined) throw new Error(`${before} fails without any mutant`);
  let survivors = 0;
  for (const mutant of wanted) {
    using _broken = breakRule(copy, mutant);
    const noticed = failingSuite(copy);
    if (noticed === undefined) survivors++;
    console.log(
      `${noticed === undefined ? 'SURVIVED' : 'caught'}: ${mutant.name} (${noticed ?? mutant.file})`,
    );
  }
  console.log(`${wanted.length - survivors} of ${wanted.length} mutants were caught`);
  if (survivors > 0) process.exitCode = 1;
} finally {
  rmSync(copy, { recursive: true });
}
