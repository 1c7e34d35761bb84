import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RolloutController } from '../../../src/rollouts/controller.ts';
import type { RolloutState } from '../../../src/rollouts/state.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { puppetController, PuppetTraffic } from '../../support/puppet-rollouts.ts';
import { SharedStore } from '../../support/shared-store.ts';

const plan = 'model: m\nstable: 1\ncandidate: 2\nminutes: 0\nsamples: 100\nsteps: [10, 100]\n';
const ann = { who: 'ann', why: 'release 7' };

interface Replica {
  readonly controller: RolloutController;
  readonly traffic: PuppetTraffic;
}

/** Two that look at different moments: the second half a look after the first. */
async function replicas(): Promise<{ clock: FakeClock; store: SharedStore; one: Replica; other: Replica }> {
  const clock = new FakeClock();
  const store = new SharedStore();
  const open = async (number: number): Promise<Replica> => {
    const traffic = new PuppetTraffic();
    const controller = puppetController(traffic, store.replica(number), clock);
    await controller.restore();
    return { controller, traffic };
  };
  const one = await open(0);
  await clock.advanceSettling(150);
  return { clock, store, one, other: await open(1) };
}

function weights({ one, other }: { one: Replica; other: Replica }): readonly (number | undefined)[] {
  return [one.traffic.weightOf('canary'), other.traffic.weightOf('canary')];
}

test('a rollback is in every replica after three looks, although only one has met its reason', async () => {
  const all = await replicas();
  const { clock, one, other } = all;
  await one.controller.start(plan, ann);
  await clock.advanceSettling(2000);
  assert.deepEqual(weights(all), [1000, 1000]);
  other.traffic.add('canary', { broken: 1 });
  // The other's look that tells of it, the first's that decides, and the other's that learns of it.
  await clock.advanceSettling(3 * 300);
  assert.deepEqual(weights(all), [0, 0]);
  assert.equal(other.controller.report('m').phase, 'rolled_back');
  await one.controller[Symbol.asyncDispose]();
  await other.controller[Symbol.asyncDispose]();
});

test('a candidate gets more at the same moment everywhere, by what all have seen', async () => {
  const all = await replicas();
  const { clock, one, other } = all;
  await other.controller.start(plan, ann);
  await clock.advanceSettling(2000);
  // Sixty of a hundred each: together they are enough.
  for (const { traffic } of [one, other]) {
    traffic.add('stable', { requests: 540 });
    traffic.add('canary', { requests: 60 });
  }
  const seen = new Set<string>();
  for (let moment = 0; moment < 400; moment++) {
    await clock.advanceSettling(5);
    seen.add(weights(all).join());
  }
  assert.deepEqual([...seen], ['1000,1000', '10000,10000']);
  const { candidate_requests, stable_requests } = one.controller.report('m');
  assert.deepEqual([candidate_requests, stable_requests], [120, 1080]);
  await one.controller[Symbol.asyncDispose]();
  await other.controller[Symbol.asyncDispose]();
});

test('another replica goes on from what was kept when the one that decides is gone', async () => {
  const all = await replicas();
  const { clock, store, one, other } = all;
  await one.controller.start(plan, ann);
  await clock.advanceSettling(2000);
  one.traffic.add('stable', { requests: 900 });
  one.traffic.add('canary', { requests: 99 });
  await clock.advanceSettling(300);
  await one.controller[Symbol.asyncDispose]();
  store.leader = 1;
  await clock.advanceSettling(2000);
  assert.equal(other.traffic.weightOf('canary'), 1000);
  other.traffic.add('canary', { requests: 1 });
  other.traffic.add('stable', { requests: 9 });
  await clock.advanceSettling(2000);
  assert.equal(other.traffic.weightOf('canary'), 10_000);
  await other.controller[Symbol.asyncDispose]();
});

test('what the one that decides has taken in and not kept is handed over, and nothing of it counts twice', async () => {
  const all = await replicas();
  const { clock, store, one, other } = all;
  await one.controller.start(plan.replace('samples: 100', 'samples: 1000000'), ann);
  await clock.advanceSettling(2000);
  const counts = ({ controller }: Replica): readonly number[] => {
    const { candidate_requests, stable_requests } = controller.report('m');
    return [candidate_requests, stable_requests];
  };
  // More and more, so that whatever is missing or there twice shows.
  let canary = 0;
  const serve = (replica: Replica, requests: number): void => {
    replica.traffic.add('canary', { requests });
    replica.traffic.add('stable', { requests: 9 * requests });
    canary += requests;
  };
  for (let look = 0; look < 30; look++) {
    serve(one, 1 + look);
    serve(other, 100 + look);
    // Again and again in the middle of what is kept every five seconds.
    if (look % 7 === 3) store.leader = 1 - store.leader;
    await clock.advanceSettling(300);
  }
  await clock.advanceSettling(6000);
  assert.deepEqual(counts(one), [canary, 9 * canary]);
  assert.deepEqual(counts(other), [canary, 9 * canary]);
  assert.equal(store.waiting, 0);
  await one.controller[Symbol.asyncDispose]();
  await other.controller[Symbol.asyncDispose]();
});

test('a replica that was away while others told and kept takes in nothing that it has counted already', async () => {
  const all = await replicas();
  const { clock, store, one, other } = all;
  await one.controller.start(plan.replace('samples: 100', 'samples: 1000000'), ann);
  await clock.advanceSettling(2000);
  one.traffic.add('canary', { requests: 7 });
  await clock.advanceSettling(300);
  // It has taken these in, but not kept them, when the other one decides, takes them in again, and keeps them.
  assert.equal(one.controller.report('m').candidate_requests, 7);
  store.leader = 1;
  other.traffic.add('canary', { requests: 5 });
  await clock.advanceSettling(6000);
  assert.equal(other.controller.report('m').candidate_requests, 12);
  store.leader = 0;
  await clock.advanceSettling(6000);
  assert.equal(one.controller.report('m').candidate_requests, 12);
  await one.controller[Symbol.asyncDispose]();
  await other.controller[Symbol.asyncDispose]();
});

test('a rollout of the same name begins with nothing, whatever was told of the one before it', async () => {
  const all = await replicas();
  const { clock, store, one, other } = all;
  await one.controller.start(plan.replace('samples: 100', 'samples: 1000000'), ann);
  await clock.advanceSettling(2000);
  one.traffic.add('canary', { requests: 7 });
  other.traffic.add('canary', { requests: 70 });
  await clock.advanceSettling(600);
  await one.controller.change('m', 'abort', ann);
  await one.controller.start(plan, ann);
  assert.ok(store.waiting > 0);
  await clock.advanceSettling(3000);
  assert.equal(one.controller.report('m').candidate_requests, 0);
  assert.equal(weights(all).join(), '1000,1000');
  await one.controller[Symbol.asyncDispose]();
  await other.controller[Symbol.asyncDispose]();
});

test('a step counts what is seen at its share, and not while replicas wait for it together', async () => {
  const all = await replicas();
  const { clock, one, other } = all;
  await one.controller.start(plan.replace('[10, 100]', '[10, 50, 100]'), ann);
  await clock.advanceSettling(2000);
  const serve = (): void => {
    one.traffic.add('stable', { requests: 900 });
    one.traffic.add('canary', { requests: 100 });
  };
  serve();
  await clock.advanceSettling(300);
  assert.equal(one.controller.report('m').step, 2);
  // Enough for the step, but at the share of the one before.
  serve();
  await clock.advanceSettling(600);
  assert.deepEqual([one.controller.report('m').step, ...weights(all)], [2, 1000, 1000]);
  await clock.advanceSettling(1000);
  assert.deepEqual([one.controller.report('m').step, ...weights(all)], [2, 5000, 5000]);
  await one.controller[Symbol.asyncDispose]();
  await other.controller[Symbol.asyncDispose]();
});

const bandit = JSON.stringify({
  model: 'm',
  strategy: 'bandit',
  stable: 1,
  candidates: [2, 3],
  goal: { metric: 'bought' },
  bandit: { minutes: 0.05 },
  guards: { latency: false },
});

test('replicas of a bandit have the same shares at each moment, by what all have seen', async () => {
  const all = await replicas();
  const { clock, one, other } = all;
  for (const { traffic } of [one, other]) traffic.readyVersions.add('3');
  await one.controller.start(bandit, ann);
  const seen = new Set<string>();
  const shares = ({ traffic }: Replica): string =>
    JSON.stringify(traffic.splits.get('m')?.arms.map(({ label, weight }) => [label, weight]));
  for (let moment = 0; moment < 3000; moment++) {
    // Each replica sees buyers of another version.
    const bought = (sum: number) => ({ requests: 5, metrics: { bought: { count: 5, sum, squares: sum } } });
    one.traffic.add('v2', bought(4), 'm-1-to-2-3');
    other.traffic.add('v3', bought(1), 'm-1-to-2-3');
    await clock.advanceSettling(5);
    if (moment < 400) continue;
    assert.equal(shares(one), shares(other));
    seen.add(shares(one));
  }
  assert.ok(seen.size > 2, [...seen].join());
  const [, best] = other.controller.report('m').arms;
  assert.ok((best?.percent ?? 0) > 60, JSON.stringify(other.controller.report('m').arms));
  await one.controller[Symbol.asyncDispose]();
  await other.controller[Symbol.asyncDispose]();
});

test('an arm of a bandit that breaks is left at once, although that cannot be kept', async () => {
  const clock = new FakeClock();
  const traffic = new PuppetTraffic();
  traffic.readyVersions.add('3');
  const store = new MemoryStore();
  const controller = puppetController(traffic, store, clock);
  await controller.restore();
  await controller.start(bandit, ann);
  await clock.advanceSettling(600);
  assert.ok((traffic.weightOf('v2') ?? 0) > 0);
  store.failing = true;
  traffic.add('v2', { broken: 1 }, 'm-1-to-2-3');
  await clock.advanceSettling(300);
  assert.equal(traffic.weightOf('v2'), 0);
  store.failing = false;
  await clock.advanceSettling(4000);
  assert.equal(traffic.weightOf('v2'), 0);
  assert.ok((traffic.weightOf('v3') ?? 0) > 0);
  const { history, arms } = controller.report('m');
  assert.match(history.at(-1)?.why ?? '', /version 2 failed so often that its breaker opened/);
  assert.equal(arms[1]?.dropped, true);
  assert.match(store.kept.get('m') ?? '', /"dropped":\["v2"\]/);
  await controller[Symbol.asyncDispose]();
});

class EarlyClock extends FakeClock {
  override epochMs(): number {
    return super.epochMs() - 3_600_000;
  }
}

/** Who pauses a rollout, while just before each time that is kept another replica changes it. */
async function pausedAgainst(
  change: (state: RolloutState) => RolloutState,
  times: number,
): Promise<{ pausing: Promise<unknown>; controller: RolloutController }> {
  const clock = new FakeClock();
  const shared = new SharedStore();
  const store = shared.replica(0);
  let left = times;
  const controller = puppetController(
    new PuppetTraffic(),
    {
      ...store,
      save: async (state, earlier) => {
        if (state.phase === 'paused' && left-- > 0) {
          const [kept] = await store.load();
          assert.ok(kept !== undefined);
          assert.equal(
            await store.save(change({ ...kept, revision: kept.revision + 1 }), kept.revision),
            true,
          );
        }
        return store.save(state, earlier);
      },
    },
    clock,
  );
  await controller.restore();
  await controller.start(plan, ann);
  await clock.advanceSettling(2000);
  return { pausing: controller.change('m', 'pause', { who: 'ben', why: 'lunch' }), controller };
}

test('who pauses a rollout while another replica keeps evidence is not told to look again, and loses none of it', async () => {
  const { pausing, controller } = await pausedAgainst((kept) => ({ ...kept, candidateRequests: 7 }), 2);
  await pausing;
  const { phase, candidate_requests, history } = controller.report('m');
  assert.deepEqual([phase, candidate_requests, history.at(-1)?.why], ['paused', 7, 'lunch']);
  await controller[Symbol.asyncDispose]();
});

test('who pauses a rollout that another replica decides about, or keeps again and again, is told to look again', async () => {
  const entry = { atEpochMs: 1, who: 'cleo', what: 'paused', why: '' };
  for (const [change, times] of [
    [(kept: RolloutState) => ({ ...kept, history: [...kept.history, entry] }), 1],
    [(kept: RolloutState) => kept, Infinity],
  ] as const) {
    const { pausing, controller } = await pausedAgainst(change, times);
    await assert.rejects(pausing, { reason: 'ROLLOUT_CHANGED' });
    assert.equal(controller.report('m').phase, 'running');
    await controller[Symbol.asyncDispose]();
  }
});

test('a clock that was set back an hour holds no step back', async () => {
  const all = await replicas();
  const { clock, store, one, other } = all;
  await one.controller.start(plan, ann);
  await clock.advanceSettling(2000);
  one.traffic.add('stable', { requests: 900 });
  one.traffic.add('canary', { requests: 100 });
  await clock.advanceSettling(300);
  assert.deepEqual(weights(all), [1000, 1000]);
  await one.controller[Symbol.asyncDispose]();
  await other.controller[Symbol.asyncDispose]();
  const traffic = new PuppetTraffic();
  const controller = puppetController(traffic, store.replica(0), new EarlyClock());
  await controller.restore();
  assert.equal(traffic.weightOf('canary'), 10_000);
  await controller[Symbol.asyncDispose]();
});

test('a rollback that could not be kept stays, whatever others change before it is', async () => {
  const clock = new FakeClock();
  const store = new SharedStore();
  const traffic = new PuppetTraffic();
  const kept = store.replica(0);
  let failing = false;
  const save: typeof kept.save = async (state, earlier) => {
    if (failing) throw new Error('nobody answers');
    return kept.save(state, earlier);
  };
  const controller = puppetController(traffic, { ...kept, save }, clock);
  await controller.restore();
  await controller.start(plan, ann);
  await clock.advanceSettling(2000);
  assert.equal(traffic.weightOf('canary'), 1000);
  failing = true;
  traffic.add('canary', { broken: 1 });
  await clock.advanceSettling(300);
  assert.equal(traffic.weightOf('canary'), 0);
  failing = false;
  // Somebody else's rollout, of another model.
  const other = puppetController(new PuppetTraffic(), store.replica(1), clock);
  await other.restore();
  await other.start(plan.replace('model: m', 'model: n'), ann);
  await clock.advanceSettling(600);
  assert.equal(traffic.weightOf('canary'), 0);
  assert.equal(controller.report('m').phase, 'rolled_back');
  assert.equal(other.report('m').phase, 'rolled_back');
  await controller[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});

test('replicas that cannot tell their threads of a growth in time try again, and do not end', async () => {
  const clock = new FakeClock();
  const traffic = new PuppetTraffic();
  const controller = puppetController(traffic, new SharedStore().replica(0), clock);
  await controller.restore();
  await controller.start(plan, ann);
  await clock.advanceSettling(300);
  const failed = new Error('a thread cannot be told');
  traffic.split = () => Promise.reject(failed);
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', note);
  await clock.advanceSettling(2000);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  assert.deepEqual(unhandled, []);
  await controller[Symbol.asyncDispose]();
});
