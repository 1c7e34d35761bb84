import { type Bar, median, percent } from './bar.ts';
import { type BarsModel, BarsServer, type BarsSetup } from './bars-server.ts';

const sizes = [16, 32, 64];
const delaysUs = [500, 2000];

/** By the largest batch and how long it waits to be full, as an operator would write them down. */
function fixedModels(): BarsModel[] {
  return sizes.flatMap((size) =>
    delaysUs.map((delayUs): BarsModel => ({
      name: `fixed_${size}_${delayUs}`,
      network: 'mlp784',
      config: `max_batch_size: ${size} dynamic_batching { preferred_batch_size: [ ${size} ] max_queue_delay_microseconds: ${delayUs} }`,
    })),
  );
}

const adaptive: BarsModel = {
  name: 'adaptive',
  network: 'mlp784',
  config: 'max_batch_size: 64 dynamic_batching { }',
};
const off: BarsModel = { name: 'off', network: 'mlp784', config: 'max_batch_size: 1' };

export interface Rounds {
  readonly rounds: number;
  readonly seconds: number;
}

/** Against the best of a sweep of fixed sizes and delays, and against no batching at all; in turns, on one server. */
export async function measureClosedLoop(setup: BarsSetup, { rounds, seconds }: Rounds): Promise<Bar[]> {
  const fixed = fixedModels();
  await using server = await BarsServer.start(setup, 'closed-loop', {
    models: [adaptive, off, ...fixed],
    prefix: setup.serverPrefix,
  });
  const perSecond = new Map<string, number[]>([adaptive, ...fixed].map(({ name }) => [name, []]));
  const p50 = new Map<string, number[]>([adaptive, off].map(({ name }) => [name, []]));
  // The first two rounds are for the just-in-time compiler and the learned costs.
  for (let round = -2; round < rounds; round++) {
    for (const [name, rates] of perSecond) {
      const result = await server.one({ name, pace: { kind: 'closed', inFlight: 64 } }, seconds);
      if (result.ok !== Object.values(result.endings).reduce((sum, count) => sum + count, 0))
        throw new Error(`${name}: some answers were errors: ${JSON.stringify(result.endings)}`);
      if (round >= 0) rates.push(result.ok / result.seconds);
    }
    for (const [name, latencies] of p50) {
      const pace = { kind: 'closed', inFlight: 1 } as const;
      const { okP50Us } = await server.one({ name, pace, connections: 1 }, seconds);
      if (round >= 0) latencies.push(okP50Us);
    }
  }
  const rateOf = (name: string): number => median(perSecond.get(name) ?? []);
  const best = fixed
    .map(({ name }) => name)
    .reduce((one, other) => (rateOf(other) > rateOf(one) ? other : one));
  const ratio = rateOf(adaptive.name) / rateOf(best);
  const [batchedUs, aloneUs] = [median(p50.get(adaptive.name) ?? []), median(p50.get(off.name) ?? [])];
  const [, size, delayUs] = best.split('_');
  return [
    {
      what: `64 in flight, MLP 784: requests a second, against the best fixed size and delay of ${fixed.length} (${size}, ${delayUs} µs)`,
      measured: `${Math.round(rateOf(adaptive.name))} of ${Math.round(rateOf(best))}: ${ratio.toFixed(2)}`,
      bar: '≥ 0.95',
      met: ratio >= 0.95,
    },
    {
      what: '1 in flight, MLP 784: p50, against batching switched off',
      measured: `${batchedUs.toFixed(0)} of ${aloneUs.toFixed(0)} µs: ${percent(batchedUs / aloneUs - 1)} more`,
      bar: '≤ 5 % more',
      met: batchedUs <= 1.05 * aloneUs,
    },
  ];
}
