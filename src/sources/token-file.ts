import { readFileSync } from 'node:fs';
import { sourceMisconfigured } from './refusals.ts';

const mostBytes = 64 * 1024;

/**
 * Reads a file of bearer tokens, a line each: `https://host[:port] token`. Lines that begin with # are not looked at.
 *
 * @returns the value of the header Authorization for an origin; undefined where there is none.
 * @throws ServingError SOURCE_CONFIGURATION when it cannot be read; nothing of its content is repeated.
 */
export function authorizationFor(file: string | undefined, origin: string): string | undefined {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw sourceMisconfigured('the file of --source-token-file cannot be read');
  }
  if (text.length > mostBytes) throw sourceMisconfigured('the file of --source-token-file is too long');
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [place = '', token = '', ...more] = line.trim().split(/\s+/);
    if (!URL.canParse(place) || !/^[\x21-\x7e]+$/.test(token) || more.length > 0) {
      throw sourceMisconfigured(`line ${index + 1} of --source-token-file is not 'https://host token'`);
    }
    if (new URL(place).origin === origin) return `Bearer ${checked(token, origin)}`;
  }
  return undefined;
}

/** Nobody on the way may read it. */
function checked(token: string, origin: string): string {
  const { protocol, hostname } = new URL(origin);
  if (protocol === 'https:' || /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname)) return token;
  throw sourceMisconfigured(
    '--source-token-file has a token for a host that would get it without encryption',
  );
}
