import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RolloutController } from '../../../src/rollouts/controller.ts';
import { FakeClock } from '../../support/fake-clock.ts';
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
