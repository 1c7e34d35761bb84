import { readFileSync } from 'node:fs';
import { ServingError } from '../errors.ts';

/** The first line of a file. @throws ServingError invalid_argument where there is none. */
export function readSecret(file: string | undefined): string {
  const wrong = (problem: string, cause?: unknown): ServingError =>
    new ServingError('invalid_argument', `--quality-webhook needs --quality-webhook-secret-file${problem}`, {
      cause,
    });
  if (file === undefined) throw wrong('');
  try {
    const [secret = ''] = readFileSync(file, 'utf8').split(/\r?\n/);
    if (secret.length >= 16) return secret;
  } catch (cause) {
    throw wrong(', which cannot be read', cause);
  }
  throw wrong(' with at least 16 characters on its first line');
}
