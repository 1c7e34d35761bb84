import type { Rule } from './plan.ts';

/** What a record may hold. */
export type RecordValue =
  | string
  | number
  | boolean
  | null
  | readonly RecordValue[]
  | { readonly [name: string]: RecordValue };

/** What hides an unknown number of characters. */
const masked = '***';

/** Makes a hash of a value that rules hash. */
export type HashValue = (value: string) => string;

/**
 * The value as its rule lets it be written; undefined for not at all. A value that its rule cannot take, such as a text
 * in intervals, is not written: rules are made to hide.
 */
export function anonymise(
  rule: Rule,
  value: string | number | boolean | null,
  hash: HashValue,
): RecordValue | undefined {
  if (rule.kind === 'drop') return undefined;
  if (rule.kind === 'keep') return value;
  if (value === null) return null;
  switch (rule.kind) {
    case 'hash':
      return hash(String(value));
    case 'mask':
      return mask(String(value), rule.keepFirst, rule.keepLast);
    case 'width':
    case 'bounds':
      return typeof value === 'number' ? intervalOf(rule, value) : undefined;
  }
  throw new Error('bug: a rule of no kind');
}

function intervalOf(rule: Extract<Rule, { readonly kind: 'width' | 'bounds' }>, value: number): string {
  if (rule.kind === 'bounds') return between(rule.bounds, value);
  const low = Math.floor(shortened(value / rule.width)) * rule.width;
  return interval(shortened(low), shortened(low + rule.width));
}

/** Texts that would show more than they hide are hidden as a whole. */
function mask(text: string, keepFirst: number, keepLast: number): string {
  const characters = Array.from(text);
  if (characters.length < 2 * (keepFirst + keepLast)) return masked;
  const first = characters.slice(0, keepFirst).join('');
  return `${first}${masked}${characters.slice(characters.length - keepLast).join('')}`;
}

function between(bounds: readonly number[], value: number): string {
  const above = bounds.findIndex((bound) => value < bound);
  if (above === 0) return interval(-Infinity, bounds[0]);
  if (above < 0) return interval(bounds.at(-1), Infinity);
  return interval(bounds[above - 1], bounds[above]);
}

/** The lower end belongs to it, the upper one to the next. */
function interval(low = -Infinity, high = Infinity): string {
  return `[${low}, ${high})`;
}

/** Without the digits that multiplying adds. */
function shortened(value: number): number {
  return Number(value.toPrecision(12));
}
