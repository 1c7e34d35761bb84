/**
 * What a second I/O thread brings: the same load on tensorgate with one and with two, alternating, nothing pinned, the load
 * generator on the same cores.
 *
 * node native-bench/io-threads-cost.ts [--model mlp784] [--connections 64] [--streams 1] [--rounds 5] [--seconds 2]
 *                                      [--transport h2] [--threads 1,2]
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compareFlags, compareLoads, type Candidate } from './compare-loads.ts';

const { values: flags } = parseArgs({
  options: {
    ...compareFlags,
    model: { type: 'string', default: 'mlp784' },
    connections: { type: 'string', default: '64' },
    streams: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    cores: { type: 'string', default: '' },
    generator: { type: 'string', default: '' },
    transport: { type: 'string', default: 'h2' },
    threads: { type: 'string', default: '1,2' },
  },
});

const repository = join(import.meta.dirname, '..', '.tools', 'bench-models');
const candidates = flags.threads.split(',').map((threads): Candidate => ({
  name: `${threads} threads`,
  server: { repository, args: ['--io-threads', threads, '--grpc-transport', flags.transport] },
}));
await compareLoads(candidates, flags);
