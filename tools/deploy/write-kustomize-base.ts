import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { helmArguments, kustomizeBase } from './kustomize-base.ts';

/** Renews deploy/kustomize/base/tensorgate.yaml from the chart, with helm of `npm run setup:deploy` or of the PATH. */
const root = join(import.meta.dirname, '..', '..');
const PATH = [join(root, '.tools', 'bin'), process.env['PATH'] ?? ''].join(delimiter);
const rendered = execFileSync('helm', helmArguments, {
  cwd: root,
  encoding: 'utf8',
  env: { ...process.env, PATH },
});
writeFileSync(join(root, 'deploy', 'kustomize', 'base', 'tensorgate.yaml'), kustomizeBase(rendered));
