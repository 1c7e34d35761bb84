import { testProportions } from './chi-square.ts';

/** Rarely crossed by chance, even when it is looked at every day: a split that is wrong makes every comparison wrong. */
const alarmBelow = 0.001;

/** Whether the arms got the shares of traffic that they were meant to get. */
export interface SampleRatio {
  readonly mismatch: boolean;
  readonly pValue: number;
  /** What the candidate got. */
  readonly share: number;
}

/** @param expectedShare of the candidate, between 0 and 1. */
export function checkSampleRatio(candidate: number, baseline: number, expectedShare: number): SampleRatio {
  const { pValue } = testProportions([candidate, baseline], [expectedShare, 1 - expectedShare]);
  return { mismatch: pValue < alarmBelow, pValue, share: candidate / (candidate + baseline) };
}
