import { projectOnBoundary, type Boundary } from './boundary.ts';
import { restoreStream, Stream, type StreamCount } from './stream.ts';

export type Arm = 'candidate' | 'baseline';

/** What a test may refute, and with how much evidence. */
export interface TwoSampleQuestion extends Boundary {
  /**
   * The claim that is tested: the candidate's mean is at most, or at least, `ratio` times the baseline's plus `margin`.
   * Refuting 'at-most' of a failure rate shows harm; refuting 'at-least' with a margin shows that there is none.
   */
  readonly claim: 'at-most' | 'at-least';
  /** The probability of ever refuting a claim that is true. */
  readonly alpha: number;
}

export interface TwoSampleFinding {
  readonly refuted: boolean;
  /** Always valid: at most `alpha` of true claims ever see it at or below `alpha`. */
  readonly pValue: number;
  /** What a bet of 1 against the claim is worth now. */
  readonly eValue: number;
  readonly candidate: StreamCount;
  readonly baseline: StreamCount;
  /** The candidate's mean without the baseline's. */
  readonly difference: number;
}

/** All of a test but its question; JSON. */
export interface TwoSampleState {
  readonly candidate: StreamCount;
  readonly baseline: StreamCount;
  /** Observations that have not been bet on yet. */
  readonly waitingCandidate: StreamCount;
  readonly waitingBaseline: StreamCount;
  readonly logWealth: readonly number[];
  readonly highest: number;
}

/** Odds of the candidate over those of the line: a fair bet is on all at once, and lives on the one that comes true. */
const oddsRatios = [1.3, 2, 4, 12] as const;

/** Observations of the baseline that the first block has at least: with fewer, its mean would hardly be known after it. */
const leastBaseline = 20;

/** Means of the baseline that the first block is bet on, of which nothing is known yet. */
const firstMeans = [0.001, 0.01, 0.1, 0.5, 0.9] as const;

/**
 * The part of the wealth that is at stake then. The first block may be all there ever is, and gross harm in it has to be found; what
 * is lost when there is none delays what comes later by a tenth of one unit of evidence.
 */
const firstStake = 0.1;

/**
 * Compares the means of two streams of values in 0..1 (failures as 1 and successes as 0, for example) and may be looked at
 * after every observation, for as long as one likes: the probability of ever refuting a true claim is at most `alpha`.
 *
 * It is a test by betting, exact for any number of observations and any distribution. Observations are bet on in blocks of both
 * arms: the first by means that are fixed in advance, each later one by what was learned before it. With a and b the means bet on, a' and b' their projection on the line, each observation x of the candidate multiplies
 * the wealth by (a/a')^x ((1-a)/(1-a'))^(1-x), and those of the baseline likewise. The logarithm of the expected product is concave
 * in the true means, 0 at the projection, and its slope there is that of the divergence, which a point of the claim's
 * convex side can only be behind: so wealth does not grow in expectation while the claim is true, and Ville's inequality bounds
 * its highest value. (Turner, Ly and Grünwald's e-variables for two proportions; fractions in 0..1 only lose by
 * Jensen's inequality.)
 */
export class TwoSampleTest {
  readonly #question: TwoSampleQuestion;
  readonly #candidate = new Stream();
  readonly #baseline = new Stream();
  readonly #waitingCandidate = new Stream();
  readonly #waitingBaseline = new Stream();
  readonly #logWealth = new Float64Array(oddsRatios.length);
  /** Natural logarithm of the highest wealth so far. */
  #highest = 0;

  constructor(question: TwoSampleQuestion) {
    this.#question = question;
  }

  /** As it was when `state` was taken; undefined where `state` is no state of such a test. */
  static restore(question: TwoSampleQuestion, state: unknown): TwoSampleTest | undefined {
    if (typeof state !== 'object' || state === null) return undefined;
    const test = new TwoSampleTest(question);
    return test.#take(state) ? test : undefined;
  }

  /**
   * Takes observations in. Many at once cost no more than one, but bets learn only from what came in earlier calls: some
   * calls a second are enough. The arms may report in any order.
   *
   * @param sum of the values, 0..count.
   */
  observe(arm: Arm, sum: number, count = 1): void {
    if (!(count > 0) || Number.isNaN(sum)) return;
    (arm === 'candidate' ? this.#waitingCandidate : this.#waitingBaseline).add(sum, count);
    const isFirst = this.#baseline.count === 0;
    const least = isFirst ? leastBaseline : 1;
    if (this.#waitingCandidate.count === 0 || this.#waitingBaseline.count < least) return;
    if (isFirst) this.#betFirst();
    else this.#bet();
    this.#candidate.add(this.#waitingCandidate.sum, this.#waitingCandidate.count);
    this.#baseline.add(this.#waitingBaseline.sum, this.#waitingBaseline.count);
    this.#waitingCandidate.clear();
    this.#waitingBaseline.clear();
  }

  finding(): TwoSampleFinding {
    const candidate = total(this.#candidate, this.#waitingCandidate);
    const baseline = total(this.#baseline, this.#waitingBaseline);
    const pValue = Math.exp(-this.#highest);
    return {
      refuted: pValue <= this.#question.alpha,
      pValue,
      eValue: Math.exp(this.#wealth()),
      candidate: candidate.state(),
      baseline: baseline.state(),
      difference: candidate.mean() - baseline.mean(),
    };
  }

  state(): TwoSampleState {
    return {
      candidate: this.#candidate.state(),
      baseline: this.#baseline.state(),
      waitingCandidate: this.#waitingCandidate.state(),
      waitingBaseline: this.#waitingBaseline.state(),
      logWealth: [...this.#logWealth],
      highest: this.#highest,
    };
  }

  #betFirst(): void {
    const gains = firstMeans.flatMap((mean) => oddsRatios.map((oddsRatio) => this.#gainAt(mean, oddsRatio)));
    const staked = Math.log(firstStake) + logMeanExp(gains);
    const kept = Math.log(1 - firstStake);
    this.#logWealth.fill(Math.log(2) + logMeanExp([staked, kept]));
    this.#highest = Math.max(this.#highest, this.#wealth());
  }

  #bet(): void {
    const baseline = this.#baseline.smoothed();
    for (const [index, oddsRatio] of oddsRatios.entries()) {
      this.#logWealth[index] = (this.#logWealth[index] ?? 0) + this.#gainAt(baseline, oddsRatio);
    }
    this.#highest = Math.max(this.#highest, this.#wealth());
  }

  /** What is gained by a bet that the candidate is so far from the line, the baseline having that mean. */
  #gainAt(baseline: number, oddsRatio: number): number {
    const { ratio, margin, claim } = this.#question;
    const line = Math.min(Math.max(ratio * baseline + margin, 1e-9), 1 - 1e-9);
    const odds = line / (1 - line);
    const betOdds = claim === 'at-most' ? odds * oddsRatio : odds / oddsRatio;
    return this.#gain(betOdds / (1 + betOdds), baseline);
  }

  /** By how much the logarithm of the wealth changes that was bet on these means. */
  #gain(candidate: number, baseline: number): number {
    const { ratio, margin } = this.#question;
    const { count: candidateCount, sum: candidateSum } = this.#waitingCandidate;
    const { count: baselineCount, sum: baselineSum } = this.#waitingBaseline;
    const nearest = projectOnBoundary(this.#question, { candidate, candidateCount, baseline, baselineCount });
    if (nearest === undefined) return 0;
    const gain =
      logRatio(candidate, ratio * nearest + margin, candidateSum, candidateCount) +
      logRatio(baseline, nearest, baselineSum, baselineCount);
    return Number.isFinite(gain) ? gain : 0;
  }

  /** Natural logarithm of the mean over all bets. */
  #wealth(): number {
    return logMeanExp(this.#logWealth);
  }

  #take(state: object): boolean {
    const {
      candidate,
      baseline,
      waitingCandidate,
      waitingBaseline,
      logWealth,
      highest,
    }: Partial<Record<keyof TwoSampleState, unknown>> = state;
    if (!restoreStream(this.#candidate, candidate) || !restoreStream(this.#baseline, baseline)) return false;
    if (!restoreStream(this.#waitingCandidate, waitingCandidate)) return false;
    if (!restoreStream(this.#waitingBaseline, waitingBaseline)) return false;
    if (!Array.isArray(logWealth) || logWealth.length !== oddsRatios.length) return false;
    const logs: readonly unknown[] = logWealth;
    for (const [index, log] of logs.entries()) {
      if (typeof log !== 'number' || !Number.isFinite(log)) return false;
      this.#logWealth[index] = log;
    }
    if (typeof highest !== 'number' || !(highest >= 0 && highest < Infinity)) return false;
    this.#highest = highest;
    return true;
  }
}

function total(seen: Stream, waiting: Stream): Stream {
  const sum = new Stream();
  sum.add(seen.sum, seen.count);
  sum.add(waiting.sum, waiting.count);
  return sum;
}

/** Natural logarithm of the mean of what these are logarithms of. */
function logMeanExp(logs: ArrayLike<number> & Iterable<number>): number {
  const most = Math.max(...logs);
  let sum = 0;
  for (const log of logs) sum += Math.exp(log - most);
  return most + Math.log(sum / logs.length);
}

/** Log likelihood of observations under one mean over that under another. */
function logRatio(mean: number, other: number, sum: number, count: number): number {
  return sum * Math.log(mean / other) + (count - sum) * Math.log((1 - mean) / (1 - other));
}
