/**
 * What tracing costs calls that are hardly ever recorded: the same load on tensorgate without tracing, with a sampler of 0 %, and with a
 * sampler of 1 %, alternating. The thread that makes spans may share core 1 with the load generator; the collector is in this process.
 *
 * node native-bench/tracing-cost.ts [--model mlp16] [--connections 4] [--streams 16] [--rounds 9] [--seconds 1] [--ratios off,0,0.01] [--cores 0,1] [--rate 0]
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compareFlags, compareLoads, type Candidate } from './compare-loads.ts';

const { values: flags } = parseArgs({
  options: { ...compareFlags, ratios: { type: 'string', default: 'off,0,0.01' } },
});

const repository = join(import.meta.dirname, '..', '.tools', 'bench-models');

/** Takes spans and forgets them. */
async function startCollector(): Promise<AsyncDisposable & { readonly endpoint: string }> {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => void response.end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A listening TCP server has an address of this form.
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

await using collector = await startCollector();
const candidates = flags.ratios.split(',').map((ratio): Candidate => ({
  name: ratio,
  server: {
    repository,
    args: ratio === 'off' ? [] : ['--trace', 'true'],
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: ratio === 'off' ? '0' : ratio,
    },
  },
}));
await compareLoads(candidates, flags);
