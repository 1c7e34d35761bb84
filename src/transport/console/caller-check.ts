import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { ServingError } from '../../errors.ts';

/** Web pages of others cannot set it without asking, and nobody here lets them. */
const consoleHeader = 'x-tensorgate-console';

/**
 * Refuses names that lead to a loopback address from elsewhere: a web page whose name is made to point here would count
 * as this one (DNS rebinding).
 *
 * @throws ServingError permission_denied
 */
export function checkLoopbackHost(headers: IncomingHttpHeaders): void {
  const host = hostOf(headers);
  if (host === 'localhost' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'))) return;
  throw refused('without API keys the console answers to localhost and loopback addresses only');
}

/** @throws ServingError permission_denied for what a web page of another origin asks, as browsers say of themselves. */
export function checkSameOrigin(headers: IncomingHttpHeaders): void {
  const site = headers['sec-fetch-site'];
  const fits = site === undefined || site === 'same-origin' || site === 'none';
  if (fits && originFits(headers)) return;
  throw refused('the console answers to its own page only');
}

/** @throws ServingError permission_denied unless the request could only be made by the console's page, or by no page at all. */
export function checkAction(headers: IncomingHttpHeaders): void {
  checkSameOrigin(headers);
  const json = headers['content-type']?.split(';', 1)[0]?.trim() === 'application/json';
  if (json && headers[consoleHeader] === '1') return;
  throw refused(`actions need content-type application/json and the header ${consoleHeader}: 1`);
}

function originFits({ origin, host }: IncomingHttpHeaders): boolean {
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
}

/** Without the port. */
function hostOf({ host = '' }: IncomingHttpHeaders): string {
  return host.toLowerCase().replace(/:\d+$/, '');
}

function refused(message: string): ServingError {
  return new ServingError('permission_denied', message, { reason: 'CONSOLE_ORIGIN' });
}
