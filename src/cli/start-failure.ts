import type { Options } from '../config/options.ts';
import { ServingError } from '../errors.ts';

/** Why a server did not start, as its operator is told. */
export interface StartFailure {
  readonly message: string;
  /** What was thrown, where its stack says more than the message. */
  readonly cause: unknown;
}

/** Words a failure to start: what the operating system refused is named with the option that changes it, without a stack. */
export function explainStartFailure(thrown: unknown, options: Options): StartFailure {
  const failure = ServingError.from(thrown);
  const { cause } = failure;
  if (!(cause instanceof Error)) return { message: failure.message, cause };
  const listening = /\blisten (E[A-Z]+): [^\n[\]]* ([^\s\]]+)/.exec(cause.message);
  if (listening !== null) {
    const [, code = '', place = ''] = listening;
    return {
      message: `cannot listen on ${place}: ${wordsOf(code)} (${code})${remedy(place, options)}`,
      cause: undefined,
    };
  }
  const unknown = unknownHost(cause.message, options);
  if (unknown !== undefined) return { message: unknown, cause: undefined };
  const code = /^(?:Error: )?(E[A-Z]+): /.exec(cause.message)?.[1];
  if (failure.code === 'internal' || code === undefined) return { message: failure.message, cause };
  const known = failure.message.includes(code) ? '' : ` (${code})`;
  return { message: failure.message + known, cause: undefined };
}

/** Of an option that takes a host and was given something else. */
function unknownHost(problem: string, { grpc, http, metrics }: Options): string | undefined {
  const [, code = '', host = ''] = /\bgetaddrinfo (E[A-Z_]+) ([^\s\]]+)/.exec(problem) ?? [];
  for (const [name, { address }] of Object.entries({ grpc, http, metrics })) {
    if (host !== address) continue;
    const port = /:(\d+)$/.exec(host)?.[1];
    return `cannot listen on ${host}: no such host (${code}); --${name}-address takes a host${port === undefined ? '' : `, and its port is --${name}-port ${port}`}`;
  }
  return undefined;
}

function wordsOf(code: string): string {
  if (code === 'EADDRINUSE') return 'another process uses it';
  if (code === 'EADDRNOTAVAIL') return 'this machine has no such address';
  return 'the system does not let it';
}

/** The option that the place came from. */
function remedy(place: string, { grpc, http, metrics, admin }: Options): string {
  if (place === grpc.unixSocket) return '; --grpc-unix-socket names another path';
  const fronts: readonly (readonly [name: string, used: boolean, port: number])[] = [
    ['grpc', grpc.enabled, grpc.port],
    ['http', http.enabled, http.port],
    ['metrics', metrics.enabled, metrics.port],
  ];
  for (const [name, used, port] of fronts) {
    if (used && place.endsWith(`:${port}`))
      return `; see --${name}-address and --${name}-port (0 takes a free port)`;
  }
  return place === admin.address ? '; see --admin-address (off closes it)' : '';
}
