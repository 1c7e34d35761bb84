import { setTimeout as wait } from 'node:timers/promises';
import type { RolloutServer } from './rollout-server.ts';
import { seededNormal, seededRandom } from './seeded-random.ts';

export interface OpenLoop {
  readonly server: RolloutServer;
  readonly perSecond: number;
  readonly users: number;
  /** No request is sent any more after that. */
  readonly limitMs: number;
  readonly seed: number;
  /** Looked at twice a second. */
  readonly over: () => Promise<boolean>;
}

export interface OpenLoopResult {
  readonly sent: number;
  readonly failed: number;
  /** Users who went to an arm, left it and came back, by the order in which they asked. */
  readonly wavering: number;
  readonly tookMs: number;
}

/**
 * Users who come when they come, however long answers take: exponential gaps, standard normal features. Whether the sign of an
 * answer is right is reported as the metric `right`, twice a second.
 */
export async function runOpenLoop({
  server,
  perSecond,
  users,
  limitMs,
  seed,
  over,
}: OpenLoop): Promise<OpenLoopResult> {
  const random = seededRandom(seed);
  const normal = seededNormal(seed + 1);
  const startedAt = performance.now();
  const arms = new Map<string, string[]>();
  const right = new Map<string, { sum: number; count: number }>();
  const open = new Set<Promise<void>>();
  let failed = 0;
  const ask = async (user: string, x: readonly [number, number]): Promise<void> => {
    const seen = arms.get(user) ?? [];
    arms.set(user, seen);
    // Answers may overtake each other.
    const place = seen.push('') - 1;
    try {
      const { arm, score } = await server.infer(user, x);
      const label = String(arm);
      seen[place] = label;
      const counted = right.get(label) ?? { sum: 0, count: 0 };
      right.set(label, counted);
      counted.count += 1;
      counted.sum += Number(score > 0 === x[0] + x[1] > 0);
    } catch {
      failed += 1;
    }
  };
  let sent = 0;
  let dueAt = startedAt;
  let lookAt = startedAt;
  for (;;) {
    const now = performance.now();
    if (now - startedAt > limitMs) break;
    if (now >= lookAt) {
      lookAt = now + 500;
      for (const [arm, values] of right) {
        right.delete(arm);
        await server.rollouts.reportMetric({ model: 'scores', metric: 'right', arm, ...values });
      }
      if (await over()) break;
    }
    while (dueAt <= performance.now()) {
      dueAt += (-Math.log(1 - random()) * 1000) / perSecond;
      const asked = ask(`u${Math.floor(random() * users)}`, [normal(), normal()]).finally(() =>
        open.delete(asked),
      );
      open.add(asked);
      sent += 1;
    }
    await wait(Math.max(0, dueAt - performance.now()));
  }
  await Promise.all(open);
  const wavering = [...arms.values()].filter((seen) => {
    const stays = seen.filter((arm, index) => arm !== '' && arm !== seen[index - 1]);
    return new Set(stays).size !== stays.length;
  }).length;
  return { sent, failed, wavering, tookMs: performance.now() - startedAt };
}
