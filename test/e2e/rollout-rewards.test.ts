import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'node:test';
import { part } from '../../src/client/fields.ts';
import type { WireMessage } from '../../src/client/connection.ts';
import { freePort } from '../support/free-port.ts';
import { eventually } from '../support/redis-server.ts';
import { RolloutServer } from '../support/rollout-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const unguarded = { errors: false, invalid: false, latency: false };
const limitMs = 60_000;

/** Until a request of this connection, and so of its thread, is one of the rollout. */
async function begun(server: RolloutServer, metric: string): Promise<void> {
  const signal = AbortSignal.timeout(limitMs);
  for (let count = 0; ; count++) {
    signal.throwIfAborted();
    const request_id = `probe${count}`;
    await server.infer('probe', [1, 1], '', request_id);
    const values = [{ request_id, value: 1 }];
    const { counted } = await server.rollouts.reportMetric({ model: 'scores', metric, values });
    if (counted === 1) return;
    await wait(20);
  }
}

/** Users ask, and those whom version 5 answered buy something; until `over` says that it is enough. */
async function serve(server: RolloutServer, over: (rollout: WireMessage) => boolean): Promise<WireMessage> {
  const signal = AbortSignal.timeout(limitMs);
  await begun(server, 'bought');
  for (let count = 0; ; count += 32) {
    signal.throwIfAborted();
    const values = await Promise.all(
      Array.from({ length: 32 }, async (_, index) => {
        const request_id = `r${count + index}`;
        const { version } = await server.infer(`u${count + index}`, [1, 1], '', request_id);
        return { request_id, value: version === '5' ? 1 : 0 };
      }),
    );
    const reported = await server.rollouts.reportMetric({ model: 'scores', metric: 'bought', values });
    const rollout = await server.rollouts.get('scores');
    if (over(rollout)) return rollout;
    assert.equal(reported['counted'], 32, JSON.stringify(reported));
  }
}

test(
  'what users did with answers decides A/B tests and bandits, whichever thread answered them',
  { timeout: 3 * limitMs },
  async (t) => {
    const port = await freePort();
    const args = ['--io-threads', '2', '--admin-http-address', `127.0.0.1:${port}`];
    await using server = await RolloutServer.start(args);

    await t.test('an A/B test that is won promotes the winner when it is asked to', async () => {
      const goal = { metric: 'bought' };
      await server.start({
        strategy: 'ab',
        candidate: 5,
        minutes: 0,
        samples: 150,
        goal,
        promote: true,
        guards: unguarded,
      });
      const rollout = await serve(server, ({ phase }) => phase !== 'running' && phase !== 'waiting');
      assert.equal(rollout['phase'], 'promoted');
      assert.equal(part(rollout['design'])['outcome'], 'better');
      assert.match(await server.command('history', 'scores'), /controller +promoted +The bought is 1 in/);
      // The decision is told before it is kept, and carried out then.
      await eventually(async () => (await server.infer('u', [1, 1])).version === '5');
    });

    await t.test('a bandit gives the version that is rewarded what there is, and tells how', async () => {
      await server.start({
        strategy: 'bandit',
        candidates: [2, 5],
        goal: { metric: 'bought' },
        bandit: { minutes: 0.005, floor: 10, discount: 1 },
        guards: unguarded,
      });
      await serve(server, ({ arms }) => {
        const [, , best] = Array.isArray(arms) ? arms : [];
        return Number(part(best)['percent']) >= 75;
      });
      const status = await server.command('status', 'scores');
      assert.match(status, /scores-1-to-2-5: bandit of scores, version 1 to 2, 5\nrunning\n/);
      assert.match(status, /^v5 +\d+(\.\d+)? +1 +\d+ +\S+$/m);
      assert.match(status, /Mind: a bandit's means are not those of an unbiased test/);
      await server.command('promote', 'scores');
      assert.equal((await server.infer('u', [1, 1])).version, '5');
      await server.command('abort', 'scores');
      assert.equal((await server.infer('u', [1, 1])).version, '1');
    });

    await t.test('values come over REST and from a file, and what is wrong is refused', async () => {
      using folder = new TemporaryFolder();
      await server.start({ candidate: 5, guards: { metric: { name: 'rating', range: [1, 5] } } });
      await begun(server, 'rating');
      await server.infer('ann', [1, 1], '', 'q1');
      const file = folder.write('ratings.csv', 'id,value\nq1,5\nq1,5\nnever,1\n');
      const report = (...more: readonly string[]) => server.command('report', 'scores', ...more);
      assert.equal(
        await report('--metric', 'rating', '--file', file),
        '1 counted, 1 of unknown requests, 1 repeated, 0 that no running rollout asks for\n',
      );
      assert.match(
        await report('--metric', 'other', '--user', 'ann', '--value', '3'),
        /^0 counted.* 1 that no/,
      );
      await assert.rejects(report('--metric', 'rating', '--user', 'ann', '--value', '6'), /must be 1 to 5/);
      const post = async (body: string): Promise<[number, unknown]> => {
        const url = `http://127.0.0.1:${port}/admin/v1/rollouts/scores/metrics`;
        const response = await fetch(url, { method: 'POST', body });
        return [response.status, await response.json()];
      };
      assert.deepEqual(await post('{"metric":"rating","values":[{"user":"ann","value":4}]}'), [
        200,
        { used: 1, repeated: 0, unused: 0, unknown: 0 },
      ]);
      assert.equal((await post('{"metric":"rating","values":[{"user":"ann","value":"4"}]}'))[0], 400);
      assert.equal((await post('{"metric":"rating","values":{}}'))[0], 400);

      // Who asked may tell as well, with the scope of inference, of his own requests.
      const tell = async (body: string): Promise<unknown> => {
        const url = `http://${server.server.httpAddress}/v2/models/scores/feedback`;
        return (await fetch(url, { method: 'POST', body })).json();
      };
      await server.infer('bob', [1, 1], '', 'q2');
      const requests = [
        { id: 'q2', metrics: { rating: 2, other: 1 } },
        { id: 'never', metrics: { rating: 2 } },
      ];
      assert.deepEqual(await tell(JSON.stringify({ requests })), {
        metrics: { used: 1, unknown: 1, repeated: 0, unused: 1 },
      });
      assert.match(
        JSON.stringify(await tell('{"id":"q2","metrics":{"rating":"2"}}')),
        /value must be a number/,
      );
      assert.match(JSON.stringify(await tell('{"id":"q2","metrics":7}')), /an object of numbers/);
    });

    await t.test('how many requests a test needs is told without a server', async () => {
      const told = await server.command('design', '--baseline', '0.1', '--effect', '0.02', '--looks', '1');
      assert.match(told, /^3841 observations of the stable version and 3841 of the candidate/);
    });
  },
);
