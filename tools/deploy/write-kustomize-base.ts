import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { helmArguments, kustomizeBase } from './kustomize-base.ts';

/** Renews deploy/kustomize/base/tensorgate.yaml from the chart, with helm of `npm run setup:deploy`; `npm run fmt` gives it its form. */
const root = join(import.meta.dirname, '..', '..');
const helm = join(root, '.tools', 'bin', 'helm');
const rendered = execFileSync(helm, helmArguments, { cwd: root, encoding: 'utf8' });
writeFileSync(join(root, 'deploy', 'kustomize', 'base', 'tensorgate.yaml'), kustomizeBase(rendered));
