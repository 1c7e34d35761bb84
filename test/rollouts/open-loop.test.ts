import assert from 'node:assert/strict';
import { test } from 'node:test';
import { part } from '../../src/client/fields.ts';
import { runOpenLoop } from '../support/open-loop.ts';
import { RolloutServer } from '../support/rollout-server.ts';

const metric = { metric: { name: 'right', better: 'higher', margin: 0.01 } };
const quick = { minutes: 0, samples: 300, steps: [20, 50, 100] };
const patient = { ...quick, samples: 100_000 };

interface Case {
  readonly title: string;
  readonly plan: object;
  readonly phase: string;
  /** Of what status says. */
  readonly says: RegExp;
}

/** Latencies of a machine that others use as well are compared in one case only, with room for what is not the version's. */
const cases: readonly Case[] = [
  {
    title: 'a better version is promoted',
    plan: { ...quick, candidate: 5, guards: { latency: false, ...metric } },
    phase: 'promoted',
    says: /No harm shown: metric right/,
  },
  {
    title: 'a version that is right less often is rolled back',
    plan: { ...patient, candidate: 2, guards: { latency: false, ...metric } },
    phase: 'rolled_back',
    says: /Harm: metric right/,
  },
  {
    title: 'a version with a slow tail is rolled back',
    plan: { ...patient, candidate: 3, guards: { latency: { p50: false, p95: false, p99: 0.005 } } },
    phase: 'rolled_back',
    says: /Harm: latency p99/,
  },
  {
    title: 'a version that fails at some inputs is rolled back',
    plan: { ...patient, candidate: 4, guards: { latency: false } },
    phase: 'rolled_back',
    says: /Harm: errors/,
  },
  {
    title: 'a shadow that scores otherwise is told from one that does not',
    plan: { ...patient, candidate: 2, strategy: 'shadow', steps: undefined },
    phase: 'rolled_back',
    says: /Harm: disagreement/,
  },
  {
    title: 'an A/B test of a better version ends with its promotion',
    plan: {
      strategy: 'ab',
      candidate: 5,
      minutes: 0,
      samples: 1000,
      promote: true,
      goal: { metric: 'right' },
      guards: { latency: false },
    },
    phase: 'promoted',
    says: /Found: The right is .* of version 5 \(b\)/,
  },
];

for (const { title, plan, phase, says } of cases) {
  test(`under open-loop load ${title}`, { timeout: 120_000 }, async (t) => {
    await using server = await RolloutServer.start();
    await server.start(plan);
    const phaseNow = async (): Promise<unknown> => (await server.rollouts.get('scores'))['phase'];
    const result = await runOpenLoop({
      server,
      perSecond: 300,
      users: 2000,
      limitMs: 60_000,
      seed: 7,
      over: async () => (await phaseNow()) !== 'running' && (await phaseNow()) !== 'waiting',
    });
    const report = await server.rollouts.get('scores');
    t.diagnostic(
      `${result.sent} requests in ${Math.round(result.tookMs)} ms, ${String(report['candidate_requests'])} of the candidate`,
    );
    assert.equal(await phaseNow(), phase, await server.command('status', 'scores'));
    assert.match(await server.command('status', 'scores'), says);
    assert.equal(result.failed, 0);
    // What a candidate fails at the stable version answers, so that its users may meet that in between.
    if (phase === 'promoted') assert.equal(result.wavering, 0);
  });
}

test(
  'under open-loop load a bandit finds the version that is right most often',
  { timeout: 120_000 },
  async (t) => {
    await using server = await RolloutServer.start();
    await server.start({
      strategy: 'bandit',
      candidates: [2, 5],
      goal: { metric: 'right' },
      bandit: { minutes: 0.02, floor: 5 },
      guards: { latency: false },
    });
    const shares = async (): Promise<readonly number[]> => {
      const { arms } = await server.rollouts.get('scores');
      return Array.isArray(arms) ? arms.map((arm) => Number(part(arm)['percent'])) : [];
    };
    const result = await runOpenLoop({
      server,
      perSecond: 300,
      users: 2000,
      limitMs: 60_000,
      seed: 7,
      over: async () => ((await shares())[2] ?? 0) >= 80,
    });
    t.diagnostic(
      `${result.sent} requests in ${Math.round(result.tookMs)} ms: ${(await shares()).join(', ')} %`,
    );
    assert.ok(((await shares())[2] ?? 0) > 60, await server.command('status', 'scores'));
    assert.equal(result.failed, 0);
  },
);
