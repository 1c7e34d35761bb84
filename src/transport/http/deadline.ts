import { refuse } from './refuse.ts';

/** Headers that say how long the caller waits: clients' own, and the one with which Envoy passes on what is left. */
const timeoutHeaders = ['x-request-timeout-ms', 'x-envoy-expected-rq-timeout-ms'] as const;

/**
 * How long the caller waits for the reply, in milliseconds; the least of the headers, Infinity without any. 0 is none.
 *
 * @throws invalid_argument
 */
export function readTimeout(header: (name: string) => string | undefined): number {
  let timeoutMs = Infinity;
  for (const name of timeoutHeaders) {
    const text = header(name);
    if (text === undefined) continue;
    if (!/^\d{1,10}$/.test(text)) throw refuse.header(name, 'a whole number of milliseconds');
    const value = Number(text);
    if (value > 0 && value < timeoutMs) timeoutMs = value;
  }
  return timeoutMs;
}
