/** Writes deploy/envoy/inference.pb. Needs the Python of `npm run setup:ci`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transcodingDescriptors } from './transcoding.ts';

const root = join(import.meta.dirname, '..', '..');
const python = join(root, '.tools', 'venv', 'bin', 'python');
writeFileSync(join(root, 'deploy', 'envoy', 'inference.pb'), transcodingDescriptors(python));
