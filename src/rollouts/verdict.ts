import type { TrialState } from './ab-trial.ts';
import { banditWords } from './bandit-words.ts';
import type { GuardFinding } from './guards.ts';
import type { RolloutPlan } from './plan.ts';
import type { Phase, RolloutState } from './state.ts';
import { judgeTrial } from './trial-words.ts';

/** One guard's finding as a sentence. */
export function findingWords({ name, label, guard, finding }: GuardFinding, { labels }: RolloutPlan): string {
  const { candidate, baseline, pValue } = finding;
  if (candidate.count === 0 || (baseline.count === 0 && guard.kind !== 'disagreement')) {
    return `${name}: nothing to compare was seen yet`;
  }
  const share = `${shown(candidate.sum, candidate.count)} of ${candidate.count} ${label}`;
  const chance = pValue < 0.0001 ? 'p < 0.0001' : `p = ${pValue.toFixed(4)}`;
  if (guard.kind === 'disagreement') {
    return `${name}: ${share} answers differ, ${percentOf(guard.margin)} allowed, ${chance}`;
  }
  return `${name}: ${share} requests against ${shown(baseline.sum, baseline.count)} of ${baseline.count} ${labels.stable}, ${percentOf(guard.margin)} more allowed, ${chance}`;
}

/** What was tested, what was found, what to do, and what could be wrong: a line each. */
export function verdictOf(state: RolloutState, findings: readonly GuardFinding[]): readonly string[] {
  const { plan, phase, candidateRequests, stableRequests, trial, bandit } = state;
  const guarded = findings.map(
    (finding) => `${finding.refuted ? 'Harm' : 'No harm shown'}: ${findingWords(finding, plan)}.`,
  );
  if (bandit !== undefined) return [...banditWords(state, bandit), ...banditGuards(findings, guarded)];
  if (trial !== undefined) return [...trialWords(state, trial), ...guarded];
  const lines = [
    `Tested: version ${plan.candidate} (${plan.labels.candidate}) against version ${plan.stable} (${plan.labels.stable}) of ${plan.model}, ${candidateRequests} requests against ${stableRequests}, by ${findings.length} guards that share an error of ${percentOf(plan.alpha)}.`,
    ...guarded,
    `${advice[phase]}${phase === 'running' ? '' : reasonOf(state)}`,
  ];
  const caution = cautionOf(state, findings);
  return caution === '' ? lines : [...lines, `Mind: ${caution}.`];
}

/** Of many versions only what was found. */
function banditGuards(findings: readonly GuardFinding[], words: readonly string[]): readonly string[] {
  const harms = words.filter((_, index) => findings[index]?.refuted);
  const rest = words.length - harms.length;
  return rest === 0 ? harms : [...harms, `No harm shown by ${rest} of ${words.length} guards.`];
}

/** A verdict of the trial counts once it is over; before, it says how far it is. */
function trialWords(state: RolloutState, trial: TrialState): readonly string[] {
  const { phase } = state;
  const { tested, found, advice: toDo, cautions } = judgeTrial(state, trial);
  if (phase === 'waiting') return [`Tested: ${tested}`, advice.waiting];
  const next =
    phase === 'finished'
      ? `${toDo} The stable version serves everybody until promote.`
      : phase === 'running'
        ? 'nothing; it ends by itself at the planned observations, or earlier where the difference is clear.'
        : `${advice[phase].replace(/^To do: /, '')}${reasonOf(state)}`;
  return [
    `Tested: ${tested}`,
    `Found: ${found}`,
    `To do: ${next}`,
    ...cautions.map((caution) => `Mind: ${caution}`),
  ];
}

/** Of its last change; people need not give one. */
function reasonOf({ history }: RolloutState): string {
  const why = history.at(-1)?.why ?? '';
  return why === '' ? '' : ` (${why})`;
}

const advice = {
  waiting: 'To do: nothing; it begins when the candidate is ready.',
  running: 'To do: nothing; it goes on by itself, and is rolled back if a guard shows harm.',
  paused: 'To do: resume or abort it.',
  promoted: 'To do: nothing; the candidate serves everybody. Abort it to go back at once.',
  rolled_back: 'To do: find out why; the stable version serves everybody.',
  aborted: 'To do: nothing; the stable version serves everybody.',
  finished: 'To do: choose; the stable version serves everybody until promote.',
} as const satisfies Record<Phase, string>;

/** Looking often is not among them: the tests allow it. */
function cautionOf(
  { plan, stepStable, stepCandidate, step }: RolloutState,
  findings: readonly GuardFinding[],
): string {
  const cautions: string[] = [];
  const unknown = findings.filter(
    ({ finding }) => finding.candidate.count < fewSamples || finding.baseline.count < fewSamples,
  );
  if (unknown.length > 0) {
    cautions.push(`too little was seen to say much of ${unknown.map(({ name }) => name).join(', ')}`);
  }
  const weight = plan.steps[step]?.weight ?? 0;
  if (isMismatched(weight / 10_000, stepCandidate, stepStable)) {
    cautions.push(
      'the arms did not get the parts of the requests that they should have: few users send many of them, or one arm loses them',
    );
  }
  if (plan.stickyKeys.length > 0)
    cautions.push('requests of one user are alike, and count as if they were not');
  return cautions.join('; ');
}

const fewSamples = 100;

/** Beyond four standard deviations: one in fifteen thousand of fair divisions. */
function isMismatched(part: number, candidate: number, stable: number): boolean {
  const total = candidate + stable;
  if (total < fewSamples || part <= 0 || part >= 1) return false;
  return Math.abs(candidate - total * part) > 4 * Math.sqrt(total * part * (1 - part)) + 1;
}

function shown(sum: number, count: number): string {
  return count === 0 ? '0 %' : percentOf(sum / count);
}

export function percentOf(part: number): string {
  return `${Number((part * 100).toPrecision(3))} %`;
}
