import type { Parameter, Parameters } from '../inference/request.ts';
import { refuse } from './refuse.ts';

/** More parameters than this on a request or an output are refused. */
const maxParameters = 256;

/** Longest correlation ID, as in Triton. */
const maxSequenceIdLength = 128;

const reservedPrefix = 'triton_';

interface Rule {
  readonly expected: string;
  readonly accepts: (value: Parameter) => boolean;
}

const flag: Rule = { expected: 'a bool_param', accepts: (value) => typeof value === 'boolean' };
const count: Rule = { expected: 'an int64_param >= 0', accepts: isCount };
const correlation: Rule = {
  expected: `an int64_param >= 0 or a string_param of at most ${maxSequenceIdLength} characters`,
  accepts: (value) => (typeof value === 'string' ? value.length <= maxSequenceIdLength : isCount(value)),
};

/** What each parameter that the protocol gives a meaning must be. All others are free. */
const rules: ReadonlyMap<string, Rule> = new Map([
  ['sequence_id', correlation],
  ['sequence_start', flag],
  ['sequence_end', flag],
  ['priority', count],
  ['timeout', count],
  ['triton_enable_empty_final_response', flag],
]);

/** @throws invalid_argument */
export function checkParameters(parameters: Parameters): void {
  checkCount(parameters);
  for (const [name, value] of parameters) {
    const rule = rules.get(name);
    if (rule === undefined) {
      if (name.startsWith(reservedPrefix)) throw refuse.reservedParameter(name);
    } else if (!rule.accepts(value)) throw refuse.parameter(name, rule.expected);
  }
}

/** @throws invalid_argument */
export function checkCount(parameters: Parameters): void {
  if (parameters.size > maxParameters) throw refuse.tooMany('parameters', maxParameters);
}

function isCount(value: Parameter): boolean {
  if (typeof value === 'bigint') return value >= 0n;
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
