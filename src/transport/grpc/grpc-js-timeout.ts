import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { parseTimeout } from './h2-timeout.ts';

/** grpc-js keeps the milliseconds of a timeout in 32 bits; of a longer one it would keep the rest, which may be negative. */
const longestMs = 2 ** 31 - 1;

/** node:http2 publishes each request here before the library sees it. */
const channel = 'http2.server.stream.created';

interface Created {
  readonly headers: Record<string, unknown>;
}

function isCreated(message: unknown): message is Created {
  return typeof message === 'object' && message !== null && 'headers' in message;
}

/**
 * Lets requests of grpc-js servers have any `grpc-timeout` of the protocol: one beyond 24.8 days is taken for none, and
 * one that the protocol does not know is refused, of which the library would take what looks like one.
 */
export function keepTimeoutsReadable(): Disposable {
  const read = (message: unknown): void => {
    if (isCreated(message)) repair(message.headers);
  };
  subscribe(channel, read);
  return { [Symbol.dispose]: () => void unsubscribe(channel, read) };
}

function repair(headers: Record<string, unknown>): void {
  const value = headers['grpc-timeout'];
  if (typeof value !== 'string') return;
  const timeoutMs = parseTimeout(value);
  if (timeoutMs === undefined) headers['grpc-timeout'] = 'malformed';
  else if (timeoutMs > longestMs) delete headers['grpc-timeout'];
}
