import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Bar } from './bar.ts';
import { type BarsSetup, makeNetworks } from './bars-server.ts';
import { type Rounds, measureClosedLoop } from './closed-loop.ts';
import { measureOverload } from './overload.ts';

/** All bars that the scheduler is held to: over gRPC on servers of their own, its cost by itself. */
export async function measureBatchingBars(setup: BarsSetup, rounds: Rounds): Promise<Bar[]> {
  makeNetworks(setup.folder);
  return [
    ...(await measureClosedLoop(setup, rounds)),
    ...(await measureOverload(setup, rounds)),
    measureCost(setup),
  ];
}

/** The dearer of batches of 32 with and without deadlines, the best of three rounds each. */
function measureCost({ serverPrefix }: BarsSetup): Bar {
  const script = join(import.meta.dirname, '..', 'batcher-cost.ts');
  const words = [...serverPrefix, process.execPath, script, '3'];
  const [program = process.execPath, ...args] = words;
  const lines = execFileSync(program, args, { encoding: 'utf8' }).split('\n');
  const ofBatch = lines.map((line) => line.split('|').map(Number)).filter(([batch]) => batch === 32);
  const cpuNs = Math.max(...ofBatch.map(([, , cpu]) => cpu ?? Number.NaN));
  return {
    what: 'the batcher itself: CPU of a request in a batch of 32',
    measured: `${(cpuNs / 1000).toFixed(2)} µs`,
    bar: '≤ 1 µs',
    met: cpuNs <= 1000,
  };
}
