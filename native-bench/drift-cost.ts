/**
 * What watching a model's data costs throughput: the same load in turn on two copies of a model that nobody watches, on one whose inputs and
 * outputs are watched number by number, on one of which ten times as many rows are watched, and on one whose inputs are watched as vectors,
 * all in one process.
 *
 * node native-bench/drift-cost.ts [--model mlp16] [--connections 4] [--streams 16] [--rounds 9] [--seconds 1] [--settle 0.1] [--cores 0,1]
 */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compareFlags, compareLoads, type Candidate } from './compare-loads.ts';

const { values: flags } = parseArgs({
  options: { ...compareFlags, settle: { type: 'string', default: '0.1' } },
});

const source = join(import.meta.dirname, '..', '.tools', 'bench-models', flags.model);
const scratch = mkdtempSync(join(tmpdir(), 'tensorgate-drift-'));
process.once('exit', () => rmSync(scratch, { recursive: true }));

const server = { repository: join(scratch, 'models'), args: ['--quality-state', join(scratch, 'state')] };

/** The names have one length, so that requests have; all have a file beside the model. @param monitoring what it says of monitoring. */
function candidate(name: string, monitoring: string): Candidate {
  const folder = join(server.repository, name);
  cpSync(source, folder, { recursive: true });
  rmSync(join(folder, 'config.pbtxt'), { force: true });
  const about = monitoring === '' ? 'description: not watched' : `monitoring: ${monitoring}`;
  writeFileSync(join(folder, 'model.yaml'), `${about}\n`);
  return { name, model: name, server };
}

await compareLoads(
  [
    candidate('off-one', ''),
    candidate('off-two', '{}'),
    candidate('columns', '{ drift: { firstRows: 1000, windowMinutes: 1 } }'),
    // Ten times the rows make ten times the cost: what is too little to be seen above chance is a tenth of it.
    candidate('tenfold', '{ drift: { firstRows: 1000, windowMinutes: 1, rowsPerSecond: 2000 } }'),
    candidate('vectors', '{ drift: { firstRows: 1000, windowMinutes: 1, embeddings: [input] } }'),
  ],
  flags,
);
