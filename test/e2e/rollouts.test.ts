import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../support/free-port.ts';
import { RolloutServer } from '../support/rollout-server.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const timeout = 240_000;
const quick = { minutes: 0, samples: 100, guards: { latency: false } };

/** Asks for so many users in turn until `over` says that it is enough. */
async function ask(
  server: RolloutServer,
  over: () => Promise<boolean>,
  x: (count: number) => readonly [number, number] = () => [1, 1],
): Promise<{ versions: Map<string, number>; arms: Map<string, string[]> }> {
  const versions = new Map<string, number>();
  const arms = new Map<string, string[]>();
  const signal = AbortSignal.timeout(120_000);
  for (let count = 0; ;) {
    signal.throwIfAborted();
    const batch = Array.from({ length: 32 }, async () => {
      const user = `u${count++ % 400}`;
      const { version, arm } = await server.infer(user, x(count));
      versions.set(version, (versions.get(version) ?? 0) + 1);
      const seen = arms.get(user) ?? [];
      arms.set(user, seen);
      if (seen.at(-1) !== arm) seen.push(String(arm));
    });
    await Promise.all(batch);
    if (await over()) return { versions, arms };
  }
}

/** Whether the rollout has ended so. @throws when it has ended otherwise, which no request changes any more. */
async function hasEnded(server: RolloutServer, wanted: 'promoted' | 'rolled_back'): Promise<boolean> {
  const { phase } = await server.rollouts.get('scores');
  if (phase !== 'waiting' && phase !== 'running') {
    assert.equal(phase, wanted, await server.command('status', 'scores'));
  }
  return phase === wanted;
}

/** One rollout after the other on one server. */
for (const threads of ['1', '2']) {
  describe(`rollouts on ${threads} I/O thread(s)`, { timeout }, () => {
    let port: number;
    let server: RolloutServer;
    before(async () => {
      port = await freePort();
      const restAddress = `127.0.0.1:${port}`;
      server = await RolloutServer.start(['--io-threads', threads, '--admin-http-address', restAddress]);
    });
    after(() => server[Symbol.asyncDispose]());

    test('a version that is as good comes to everybody, and nobody goes back and forth', async () => {
      await server.start({ ...quick, candidate: 5, steps: [10, 30, 60, 100] });
      const { arms, versions } = await ask(server, () => hasEnded(server, 'promoted'));
      for (const seen of arms.values())
        assert.ok(['stable', 'canary', 'stable,canary'].includes(seen.join()));
      assert.ok((versions.get('5') ?? 0) > 100);
      const later = await Promise.all(
        Array.from({ length: 50 }, (_, user) => server.infer(`u${user}`, [1, 1])),
      );
      assert.deepEqual(new Set(later.map(({ version }) => version)), new Set(['5']));
      assert.match(await server.command('history', 'scores'), /controller +completed +no harm found/);
      const metrics = await (await fetch(`http://${server.server.metricsAddress}/metrics`)).text();
      assert.match(
        metrics,
        /^tensorgate_rollout_candidate_ratio\{model="scores",rollout="scores-1-to-5"\} 1$/m,
      );
      assert.match(
        metrics,
        /^tensorgate_arm_requests_total\{model="scores",version="5",.*arm="canary"\} [1-9]/m,
      );
    });

    test('a version that fails is rolled back, and no user sees a failure', async () => {
      await server.start({ ...quick, candidate: 4, steps: [20, 50, 100], samples: 5000 });
      // One request in ten is of the kind that the version fails at.
      await ask(
        server,
        () => hasEnded(server, 'rolled_back'),
        (count) => [count % 10 === 0 ? 2.5 : 1, 1],
      );
      const status = await server.command('status', 'scores');
      assert.match(status, /rolled_back, .* 0 % for canary/);
      assert.match(status, /Harm: errors: [\d.]+ % of \d+ canary requests against 0 % of \d+ stable/);
      const { version } = await server.infer('u1', [2.5, 1]);
      assert.equal(version, '1');
    });

    test('a version with wrong numbers is rolled back, and the verdict says so', async () => {
      await server.start({ ...quick, candidate: 6, steps: [20, 100] });
      await ask(server, () => hasEnded(server, 'rolled_back'));
      assert.match(await server.command('status', 'scores'), /Harm: invalid: 100 %/);
    });

    test('a shadow is compared, and its users never meet it', async () => {
      await server.start({ ...quick, candidate: 2, strategy: 'shadow', samples: 100_000, compare: 'exact' });
      const { versions } = await ask(server, () => hasEnded(server, 'rolled_back'));
      assert.deepEqual([...versions.keys()], ['1']);
      assert.match(
        await server.command('status', 'scores'),
        /Harm: disagreement: 100 % of \d+ shadow answers differ/,
      );
    });

    test('over HTTP a tester chooses the arm, a version that is named is not rerouted, and what is wrong is said', async () => {
      await server.start({ candidate: 5, steps: [1, 100] });
      const infer = async (headers: Readonly<Record<string, string>>, path = 'scores'): Promise<unknown> => {
        const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 1] }];
        const url = `http://${server.server.httpAddress}/v2/models/${path}/infer`;
        const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ inputs }) });
        return response.json();
      };
      const chosen = await infer({ 'tensorgate-arm': 'canary' });
      assert.partialDeepStrictEqual(chosen, {
        model_version: '5',
        parameters: { tensorgate_arm: 'canary', tensorgate_experiment: 'scores-1-to-5' },
      });
      assert.partialDeepStrictEqual(await infer({ 'tensorgate-arm': 'canary' }, 'scores/versions/3'), {
        model_version: '3',
      });
      const refused = await infer({ 'tensorgate-arm': 'none' });
      assert.match(JSON.stringify(refused), /no arm 'none' now; there are: stable, canary/);
      await server.command('abort', 'scores');
    });

    test('rollouts are run over REST as well, to be reached from this machine only', async () => {
      const ask = async (path: string, body?: string): Promise<[number, unknown]> => {
        const url = `http://127.0.0.1:${port}/admin/v1/rollouts${path}`;
        const response = await fetch(url, body === undefined ? {} : { method: 'POST', body });
        return [response.status, await response.json()];
      };
      const plan = 'model: scores\nstable: 1\ncandidate: 5\n';
      const [started, rollout] = await ask('?why=trial', plan);
      assert.equal(started, 200);
      assert.partialDeepStrictEqual(rollout, {
        name: 'scores-1-to-5',
        history: [{ what: 'started', why: 'trial' }],
      });
      assert.match(JSON.stringify(await ask('', plan)), /^\[400,.*has a rollout that is not over/);
      assert.match(JSON.stringify(await ask('', 'model: scores')), /^\[400,.*stable: /);
      assert.equal((await ask('/none'))[0], 404);
      const [aborted, after] = await ask('/scores/abort', '');
      assert.equal(aborted, 200);
      assert.partialDeepStrictEqual(after, { rollout: { phase: 'aborted', percent: 0 } });
      assert.equal((await server.infer('u', [1, 1])).version, '1');
      assert.deepEqual(await ask('/scores/forget', ''), [200, {}]);
      assert.equal((await server.infer('u', [1, 1])).version, '6');
    });
  });
}

test('a rollout is resumed by the next process where it was', { timeout }, async () => {
  await using server = await RolloutServer.start();
  await server.start({ ...quick, candidate: 5, steps: [30, 60, 100], samples: 200 });
  await ask(server, async () => (await server.rollouts.get('scores'))['step'] === 2);
  await server.rollouts.change('scores', 'pause', 'lunch');
  const before = await server.rollouts.get('scores');
  await server.restart();
  const after = await server.rollouts.get('scores');
  assert.deepEqual([after['step'], after['phase'], after['history']], [2, 'paused', before['history']]);
  assert.ok(Number(after['candidate_requests']) >= Number(before['candidate_requests']));
  await server.command('resume', 'scores');
  await ask(server, () => hasEnded(server, 'promoted'));
});

test(
  'a file declares rollouts before their models load: no user meets a version that is newer',
  { timeout },
  async () => {
    using plans = new TemporaryFolder();
    const file = plans.write(
      'rollouts.yaml',
      'rollouts:\n  - model: scores\n    stable: 1\n    candidate: 9\n',
    );
    await using server = await RolloutServer.start(['--rollouts', file]);
    assert.equal((await server.infer('u', [1, 1])).version, '1');
    assert.match(await server.command('list'), /scores +scores-1-to-9 +canary +waiting +9 +0 +0/);
    await assert.rejects(server.command('promote', 'scores'), /cannot be promoted/);
    await assert.rejects(server.command('abort', 'none'), /has no rollout/);
  },
);
