import type { ModelConfig } from './config.ts';

/** Makes the error of a field of a configuration. */
export type Wrong = (path: string, problem: string) => Error;

/** A number that an operator sets as a parameter of the model. @throws what `wrong` makes */
export function parameterLimit(
  { parameters }: ModelConfig,
  name: string,
  { usual, most }: { readonly usual: number; readonly most: number },
  wrong: Wrong,
): number {
  const text = parameters[name]?.string_value;
  if (text === undefined) return usual;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > most) {
    throw wrong(`parameters.${name}`, `must be an integer of 1 to ${most}`);
  }
  return value;
}
