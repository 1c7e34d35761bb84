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

interface Duel {
  readonly name: string;
  /** Of the adaptive model and the fixed one, a pair for each round, measured one right after the other. */
  readonly pairs: { readonly adaptive: number; readonly fixed: number }[];
}

/** How the adaptive model did against a fixed one, as machines change their speed from one second to the next. */
function ratioOf({ pairs }: Duel): number {
  return median(pairs.map((pair) => pair.adaptive / pair.fixed));
}

/** Against the best of a sweep of fixed sizes and delays, and against no batching at all; in turns, on one server. */
export async function measureClosedLoop(setup: BarsSetup, { rounds, seconds }: Rounds): Promise<Bar[]> {
  const fixed = fixedModels();
  await using server = await BarsServer.start(setup, 'closed-loop', {
    models: [adaptive, off, ...fixed],
    prefix: setup.serverPrefix,
  });
  const perSecond = async (name: string): Promise<number> => {
    const result = await server.one({ name, pace: { kind: 'closed', inFlight: 64 } }, seconds);
    if (result.ok !== Object.values(result.endings).reduce((sum, count) => sum + count, 0))
      throw new Error(`${name}: some answers were errors: ${JSON.stringify(result.endings)}`);
    return result.ok / result.seconds;
  };
  const duels = fixed.map(({ name }): Duel => ({ name, pairs: [] }));
  const p50 = new Map<string, number[]>([adaptive, off].map(({ name }) => [name, []]));
  // The first two rounds are for the just-in-time compiler and the learned costs.
  for (let round = -2; round < rounds; round++) {
    for (const { name, pairs } of duels) {
      const pair = { adaptive: await perSecond(adaptive.name), fixed: await perSecond(name) };
      if (round >= 0) pairs.push(pair);
    }
    for (const [name, latencies] of p50) {
      const pace = { kind: 'closed', inFlight: 1 } as const;
      const { okP50Us } = await server.one({ name, pace, connections: 1 }, seconds);
      if (round >= 0) latencies.push(okP50Us);
    }
  }
  const hardest = duels.reduce((one, other) => (ratioOf(other) < ratioOf(one) ? other : one));
  const ratio = ratioOf(hardest);
  const rateOf = (of: 'adaptive' | 'fixed'): number =>
    Math.round(median(hardest.pairs.map((pair) => pair[of])));
  const [batchedUs, aloneUs] = [median(p50.get(adaptive.name) ?? []), median(p50.get(off.name) ?? [])];
  const [, size, delayUs] = hardest.name.split('_');
  return [
    {
      what: `64 in flight, MLP 784: requests a second, against the best fixed size and delay of ${fixed.length} (${size}, ${delayUs} µs)`,
      measured: `${rateOf('adaptive')} of ${rateOf('fixed')}: ${ratio.toFixed(2)}`,
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
