import { plannedSamples } from '../statistics/planned-samples.ts';
import { flagText, usageError, type FlagValues } from './command.ts';

/** How many observations an A/B test needs, in words. @throws ServingError with reason USAGE */
export function describeDesign(values: FlagValues): string {
  const effect = numberFlag(values, 'effect', { above: 0 });
  if (effect === undefined) throw usageError('rollout design needs --effect <difference>');
  const baseline = numberFlag(values, 'baseline', { above: 0, below: 1 });
  const sd = numberFlag(values, 'sd', { above: 0 });
  if ((baseline === undefined) === (sd === undefined)) {
    throw usageError('rollout design needs either --baseline <rate> or --sd <number>');
  }
  const power = numberFlag(values, 'power', { above: 0.4999, below: 1 }) ?? 0.8;
  const alpha = numberFlag(values, 'alpha', { above: 0, below: 0.5 }) ?? 0.05;
  const percent = numberFlag(values, 'percent', { above: 0, below: 100 }) ?? 50;
  const perDay = numberFlag(values, 'per-day', { above: 0 });
  const looks = looksOf(flagText(values, 'looks') ?? '5');
  const design = { proportion: baseline, deviation: sd, effect, alpha, power, looks, share: percent / 100 };
  const planned = plannedSamples(design);
  if (planned === undefined)
    throw usageError('no number of observations finds that: look at --baseline and --effect');
  const { candidate, baseline: stable } = planned;
  const lines = [
    `${stable} observations of the stable version and ${candidate} of the candidate, ${stable + candidate} together,`,
    `find a difference of ${effect} ${baseline === undefined ? '' : `from ${baseline} `}with a probability of ${power}, and one that is not there with ${alpha},`,
    looks === 'always'
      ? 'looked at at any time.'
      : looks === 1
        ? 'looked at once, at the end.'
        : `looked at ${looks} times.`,
  ];
  if (perDay !== undefined) {
    const days = Math.max(candidate / (percent / 100), stable / (1 - percent / 100)) / perDay;
    lines.push(`At ${perDay} observations a day that takes ${Number(days.toPrecision(3))} days.`);
    if (days < 7) lines.push('A week is better: weekends are unlike other days, and what is new wears off.');
  }
  const field = baseline === undefined ? `sd: ${sd}` : `baseline: ${baseline}`;
  lines.push(
    '',
    'In a plan:',
    `  percent: ${percent}`,
    `  design: { ${field}, effect: ${effect}, power: ${power}, alpha: ${alpha}, looks: ${looks} }`,
  );
  return `${lines.join('\n')}\n`;
}

interface Bounds {
  readonly above: number;
  readonly below?: number;
}

function numberFlag(
  values: FlagValues,
  name: string,
  { above, below = Infinity }: Bounds,
): number | undefined {
  const text = flagText(values, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && value > above && value < below) return value;
  throw usageError(
    `--${name} must be a number above ${above}${below === Infinity ? '' : ` and below ${below}`}`,
  );
}

function looksOf(text: string): number | 'always' {
  if (text === 'always') return text;
  const looks = Number(text);
  if (Number.isInteger(looks) && looks >= 1 && looks <= 20) return looks;
  throw usageError('--looks must be 1 to 20, or always');
}
