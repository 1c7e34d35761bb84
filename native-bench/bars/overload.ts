import { rssBytes } from '../../test/support/process-usage.ts';
import { type Bar, median, percent } from './bar.ts';
import { type BarsModel, BarsServer, type BarsSetup } from './bars-server.ts';
import type { Rounds } from './closed-loop.ts';
import type { StreamResult } from './load-plan.ts';

const dense: BarsModel = {
  name: 'dense',
  network: 'dense',
  config: 'max_batch_size: 32 dynamic_batching { }',
};
/** The same network, on two instances: as many as there are cores. */
const twin: BarsModel = {
  name: 'twin',
  network: 'dense',
  config: 'max_batch_size: 32 dynamic_batching { } instance_group { count: 2 }',
};
const light: BarsModel = {
  name: 'light',
  network: 'mlp784',
  config: 'max_batch_size: 32 dynamic_batching { }',
};

const deadlineMs = 50;
/** What the young generation and the allocator's arenas take and give back by themselves. */
const flatBytes = 16 << 20;

/** What a server does when more comes than it can answer; the model is all that counts. */
export async function measureOverload(setup: BarsSetup, { rounds, seconds }: Rounds): Promise<Bar[]> {
  await using server = await BarsServer.start(setup, 'overload', {
    models: [dense, twin, light],
    prefix: setup.widePrefix,
  });
  const capacityOf = async (name: string): Promise<number> => {
    const result = await server.one({ name, pace: { kind: 'closed', inFlight: 128 } }, seconds);
    return result.ok / result.seconds;
  };
  // The first load also lets costs be learned and the just-in-time compiler finish.
  await capacityOf(dense.name);
  const context = { server, rounds, seconds, capacityOf };
  return [
    ...(await measureOpenLoop(context, 1.5)),
    ...(await measureOpenLoop(context, 3)),
    await measureBursts(context),
    await measureGivenUp(context),
    await measureFairness(context, dense, 'a hot one'),
    await measureFairness(context, twin, 'a hot one of two instances'),
    await measureShares(context),
  ];
}

interface Context extends Rounds {
  readonly server: BarsServer;
  readonly capacityOf: (model: string) => Promise<number>;
}

async function measureOpenLoop(
  { server, rounds, seconds, capacityOf }: Context,
  factor: number,
): Promise<Bar[]> {
  const goodputs: number[] = [];
  const refusals: number[] = [];
  const growths: number[] = [];
  const capacities: number[] = [];
  let last: StreamResult | undefined;
  for (let round = 0; round < rounds; round++) {
    const before = await capacityOf(dense.name);
    const pace = { kind: 'open', perSecond: factor * before } as const;
    const rssBefore = rssBytes(server.pid);
    last = await server.one({ name: dense.name, pace, timeoutsMs: [deadlineMs] }, seconds);
    growths.push(rssBytes(server.pid) - rssBefore);
    const capacity = (before + (await capacityOf(dense.name))) / 2;
    capacities.push(capacity);
    goodputs.push(last.inTime / last.seconds / capacity);
    refusals.push(last.refusedP99Us / 1000);
  }
  const growth = growths.at(-1) ?? 0;
  const what = `${factor}x capacity (${Math.round(median(capacities))}/s), ${deadlineMs} ms deadlines:`;
  return [
    {
      what: `${what} answered in time`,
      measured: `${percent(median(goodputs))} of capacity`,
      bar: '≥ 95 %',
      met: median(goodputs) >= 0.95,
    },
    {
      what: `${what} p99 of refusals`,
      measured: `${median(refusals).toFixed(2)} ms`,
      bar: '< 5 ms',
      met: median(refusals) < 5,
    },
    {
      what: `${what} memory added in the last round`,
      measured: `${(growth / 2 ** 20).toFixed(1)} MiB`,
      bar: `≤ ${flatBytes >> 20} MiB`,
      met: growth <= flatBytes,
    },
  ];
}

/** 200 ms of 1.35 times capacity after 200 ms of next to nothing. */
async function measureBursts({ server, rounds, seconds, capacityOf }: Context): Promise<Bar> {
  const shares: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const capacity = await capacityOf(dense.name);
    const pace = {
      kind: 'bursts',
      lowPerSecond: 0.05 * capacity,
      highPerSecond: 1.35 * capacity,
      stateMs: 200,
    } as const;
    const result = await server.one({ name: dense.name, pace, timeoutsMs: [deadlineMs] }, seconds);
    shares.push(result.inTime / result.sent);
  }
  return {
    what: 'bursts of 1.35x capacity that average 0.7x, 50 ms deadlines: answered in time',
    measured: `${percent(median(shares))} of offered`,
    bar: '≥ 75 %',
    met: median(shares) >= 0.75,
  };
}

/** Beside a full queue: requests whose callers leave after 5 ms, and requests whose deadlines are about as long as the queue. */
async function measureGivenUp({ server, seconds }: Context): Promise<Bar> {
  const { streams, executedRows } = await server.load({
    warmUpMs: 500,
    measureMs: seconds * 1000,
    streams: [
      server.stream({ name: dense.name, pace: { kind: 'closed', inFlight: 128 }, timeoutsMs: [10_000] }),
      server.stream({
        name: dense.name,
        pace: { kind: 'open', perSecond: 200 },
        timeoutsMs: [10_000],
        cancelAfterMs: 5,
      }),
      server.stream({
        name: dense.name,
        pace: { kind: 'open', perSecond: 200 },
        timeoutsMs: [30, 40, 50, 60, 80],
      }),
    ],
  });
  const answered = streams.reduce((sum, { okInAll }) => sum + okInAll, 0);
  const lost = streams.reduce((sum, { lostAfterWaiting }) => sum + lostAfterWaiting, 0);
  const wasted = Math.max(0, executedRows - answered);
  return {
    what: 'cancelled or expired after more than 2 ms in the queue: executed all the same',
    measured: `${wasted} of ${lost}: ${percent(wasted / lost)}`,
    bar: '< 1 %',
    met: lost > 100 && wasted < 0.01 * lost,
  };
}

/** What a light model suffers from a hot one beside it. */
async function measureFairness(
  { server, rounds, seconds, capacityOf }: Context,
  hot: BarsModel,
  who: string,
): Promise<Bar> {
  const alone: number[] = [];
  const beside: number[] = [];
  const hotBatches: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const hotCapacity = await capacityOf(hot.name);
    const perSecond = 0.1 * (await capacityOf(light.name));
    const lightStream = { name: light.name, pace: { kind: 'open', perSecond } } as const;
    alone.push((await server.one(lightStream, seconds)).okP99Us / 1000);
    const { streams } = await server.load({
      warmUpMs: 500,
      measureMs: seconds * 1000,
      streams: [
        server.stream(lightStream),
        server.stream({
          name: hot.name,
          pace: { kind: 'open', perSecond: 3 * hotCapacity },
          timeoutsMs: [deadlineMs],
        }),
      ],
    });
    beside.push((streams[0]?.okP99Us ?? Number.NaN) / 1000);
    hotBatches.push((await server.executed(hot.name)).batchMs);
  }
  const limit = 2 * median(alone) + median(hotBatches);
  return {
    what: `a light model at 10 % of its capacity beside ${who} at 3x: p99 of the light one`,
    measured: `${median(beside).toFixed(1)} ms; alone ${median(alone).toFixed(1)} ms, a hot batch ${median(hotBatches).toFixed(1)} ms`,
    bar: `≤ 2x alone + a hot batch: ${limit.toFixed(1)} ms`,
    met: median(beside) <= limit,
  };
}

/** Two models of the same cost, one with one instance and one with two, each offered all that the machine can do. */
async function measureShares({ server, rounds, seconds, capacityOf }: Context): Promise<Bar> {
  const shares: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const perSecond = 1.5 * (await capacityOf(dense.name));
    const { streams } = await server.load({
      warmUpMs: 500,
      measureMs: seconds * 1000,
      streams: [dense, twin].map(({ name }) =>
        server.stream({ name, pace: { kind: 'open', perSecond }, timeoutsMs: [4 * deadlineMs] }),
      ),
    });
    const answered = streams.map(({ inTime }) => inTime);
    shares.push(Math.min(...answered) / answered.reduce((sum, count) => sum + count, 0));
  }
  return {
    what: 'two models that could each fill the machine, one of them with two instances: share of the one that gets less',
    measured: percent(median(shares)),
    bar: '≥ 30 %',
    met: median(shares) >= 0.3,
  };
}
