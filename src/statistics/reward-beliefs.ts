import { drawBeta, drawNormal, type Uniform } from './random-draws.ts';
import { addSums, momentsOfSums, noValues, type ValueSums } from './value-sums.ts';

/** What the mean of an arm's rewards may be, as likely as that is by what is known of it. */
export type Belief = (random: Uniform) => number;

/** beta: of rewards that are 0 or 1. normal: of those between. */
export type Posterior = 'beta' | 'normal';

/** One for each arm, in their order. */
export function beliefsOf(arms: readonly ValueSums[], posterior: Posterior): readonly Belief[] {
  return posterior === 'beta' ? arms.map(betaBelief) : normalBeliefs(arms);
}

/** Of fractions between 0 and 1 it is more doubtful than it need be. */
function betaBelief({ count, sum }: ValueSums): Belief {
  return (random) => drawBeta(1 + sum, 1 + Math.max(0, count - sum), random);
}

/** Of the mean; each arm begins with one value that is like those of all. */
function normalBeliefs(arms: readonly ValueSums[]): readonly Belief[] {
  let all = noValues;
  for (const arm of arms) all = addSums(all, arm);
  const common = momentsOfSums(all);
  // Of values in 0..1 of which nothing is known.
  const variance = common.count >= 2 && common.squares > 0 ? common.squares / common.count : 0.25;
  const middle = common.count > 0 ? common.mean : 0.5;
  return arms.map((arm) => {
    const own = momentsOfSums(arm);
    const count = own.count + 1;
    const mean = (arm.sum + middle) / count;
    const error = Math.sqrt((own.squares + variance) / count / count);
    return (random) => mean + error * drawNormal(random);
  });
}
