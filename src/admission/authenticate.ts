import { ServingError } from '../errors.ts';
import type { Logger } from '../inference/logger.ts';
import { anonymous, type Principal, type Scope } from '../inference/principal.ts';
import type { Clock } from '../util/clock.ts';
import { keyDigest, keyFileStamp, readKeyFile, type KeyFileReading } from './key-file.ts';

/** Longer values are refused before they are hashed. */
const maxKeyLength = 512;

/** How often the file is looked at; a revoked key works at most this long. */
const reloadEveryMs = 5000;

export interface AuthenticatorOptions {
  /** undefined: no keys, everyone is anonymous. */
  readonly keysFile: string | undefined;
  /** What a caller without a key may do while there is no file. With a file, callers without a key are refused. */
  readonly anonymousScopes: readonly Scope[];
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Finds who calls. Disposing ends the watch on the file. */
export interface Authenticator extends Disposable {
  /**
   * `header` gives the first value of a lower-case name.
   *
   * @throws ServingError unauthenticated
   */
  readonly authenticate: (header: (name: string) => string | undefined) => Principal;
}

/** @throws ServingError failed_precondition when the file is unreadable or wrong at start; later changes that are wrong are logged and ignored. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { keysFile } = options;
  if (keysFile === undefined) {
    const everyone: Principal = { ...anonymous, scopes: new Set(options.anonymousScopes) };
    return { authenticate: () => everyone, [Symbol.dispose]: () => {} };
  }
  return watchKeys(keysFile, options);
}

function watchKeys(path: string, { logger, clock }: AuthenticatorOptions): Authenticator {
  let reading = readKeyFile(path);
  let refused = '';
  warnIfExposed(reading, logger);
  const look = (): void => {
    try {
      if (keyFileStamp(path) !== reading.stamp) {
        reading = readKeyFile(path);
        refused = '';
        warnIfExposed(reading, logger);
        logger.info({ keys: reading.table.size }, 'API keys read again');
      }
    } catch (error) {
      const { message } = ServingError.from(error);
      if (message !== refused)
        logger.error({ reason: message }, 'API keys not read again, the earlier ones stay');
      refused = message;
    }
    timer = clock.after(reloadEveryMs, look);
  };
  let timer = clock.after(reloadEveryMs, look);
  return {
    authenticate: (header) => identify(header, reading),
    [Symbol.dispose]: () => timer[Symbol.dispose](),
  };
}

function identify(header: (name: string) => string | undefined, { table }: KeyFileReading): Principal {
  const key = presentedKey(header);
  if (key === undefined) {
    throw new ServingError(
      'unauthenticated',
      'an API key is required: send it as "authorization: Bearer <key>" or as "x-api-key"',
      { reason: 'API_KEY_MISSING' },
    );
  }
  const principal = key.length > maxKeyLength ? undefined : table.get(keyDigest(key));
  if (principal === undefined) {
    throw new ServingError('unauthenticated', 'the API key is not valid', { reason: 'API_KEY_INVALID' });
  }
  return principal;
}

function presentedKey(header: (name: string) => string | undefined): string | undefined {
  const direct = header('x-api-key');
  if (direct !== undefined) return direct;
  const authorization = header('authorization');
  if (authorization === undefined) return undefined;
  return /^bearer +(\S+) *$/i.exec(authorization)?.[1];
}

function warnIfExposed({ worldReadable }: KeyFileReading, logger: Logger): void {
  if (worldReadable)
    logger.warn({}, 'the API keys file can be read by every user of this machine; use chmod 600');
}
