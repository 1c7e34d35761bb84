import { readFileSync } from 'node:fs';
import type { ParseArgsOptionsConfig } from 'node:util';
import type { CallOptions, ClientOptions } from '../client/types.ts';
import { flagInteger, flagText, usageError, type FlagValues, type Terminal } from './command.ts';

/** Flags of every command that talks to a server. */
export const serverFlags = {
  address: { type: 'string', short: 'a' },
  'api-key': { type: 'string' },
  tls: { type: 'boolean' },
  'tls-ca': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  timeout: { type: 'string' },
} as const satisfies ParseArgsOptionsConfig;

/** Which of a server's listeners a command talks to. */
export interface ServerPlace {
  readonly address: string;
  /** Of the environment. */
  readonly variable: string;
}

export const inferencePlace: ServerPlace = { address: '127.0.0.1:8001', variable: 'TENSORGATE_ADDRESS' };

/** What `serve` is told by the same variable. */
export const adminPlace: ServerPlace = { address: '127.0.0.1:8003', variable: 'TENSORGATE_ADMIN_ADDRESS' };

/** Explains the flags. */
export function serverFlagsHelp({ address, variable }: ServerPlace): string {
  return `Server:
  -a, --address <host:port>  or unix:<path>; default ${address} (${variable})
      --api-key <key>        better given in TENSORGATE_API_KEY, which other users cannot see
      --tls                  connect with TLS
      --tls-ca <file>        PEM of the authority to trust; implies --tls
      --tls-cert <file>      PEM certificate of this client, with --tls-key <file>, for mutual TLS
      --timeout <seconds>    give up after this time; default 60
`;
}

export interface ServerAccess {
  readonly options: ClientOptions;
  /** For one call. */
  readonly call: CallOptions;
}

/** @throws ServingError with reason USAGE */
export function serverAccess(
  values: FlagValues,
  { environment }: Terminal,
  place: ServerPlace = inferencePlace,
): ServerAccess {
  const address = flagText(values, 'address') ?? environment[place.variable] ?? place.address;
  const apiKey = flagText(values, 'api-key') ?? environment['TENSORGATE_API_KEY'];
  const ca = pem(values, 'tls-ca');
  const cert = pem(values, 'tls-cert');
  const key = pem(values, 'tls-key');
  if ((cert === undefined) !== (key === undefined)) throw usageError('--tls-cert and --tls-key go together');
  const secure = values['tls'] === true || ca !== undefined || cert !== undefined;
  const tls = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  const timeoutMs = flagInteger(values, 'timeout', { min: 1, max: 86_400, initial: 60 }) * 1000;
  return {
    options: {
      address: address.replace(/^[a-z]+:\/\//, ''),
      ...(secure ? { tls } : {}),
      ...(apiKey === undefined || apiKey === '' ? {} : { apiKey }),
    },
    call: { timeoutMs },
  };
}

function pem(values: FlagValues, name: string): Buffer | undefined {
  const path = flagText(values, name);
  if (path === undefined) return undefined;
  try {
    return readFileSync(path);
  } catch (error) {
    throw usageError(`--${name}: cannot read ${path}${errorCode(error)}`);
  }
}

/** ` (ENOENT)` and the like. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
}
