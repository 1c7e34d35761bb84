import { isIP } from 'node:net';
import { integerValue } from './given.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `host:port` or `[v6]:port`; undefined when it is neither. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<host>[A-Za-z0-9._-]+)):(?<port>\d{1,5})$/.exec(text);
  const host = match?.groups?.['v6'] ?? match?.groups?.['host'];
  const port = integerValue(match?.groups?.['port'] ?? '');
  if (host === undefined || typeof port !== 'number' || port > 65_535) return undefined;
  if (match?.groups?.['v6'] !== undefined && isIP(host) !== 6) return undefined;
  return { host, port };
}

/** Reachable from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
