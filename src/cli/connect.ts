import { createClient, type Client } from '../client/client.ts';
import type { ClientOptions } from '../client/types.ts';
import { ServingError } from '../errors.ts';
import type { FlagValues, Terminal } from './command.ts';
import { inferencePlace, serverAccess, type ServerAccess, type ServerPlace } from './server-flags.ts';

interface ConnectionFrom<C> {
  readonly values: FlagValues;
  readonly terminal: Terminal;
  readonly place: ServerPlace;
  readonly create: (options: ClientOptions) => C;
}

/** Runs `use` with a client for the server that the flags name, closes it, and words connection failures for people. */
export function withClient<Result>(
  values: FlagValues,
  terminal: Terminal,
  use: (client: Client, access: ServerAccess) => Promise<Result>,
): Promise<Result> {
  return withConnection({ values, terminal, place: inferencePlace, create: createClient }, use);
}

/** As `withClient`, for any of a server's listeners. */
export async function withConnection<C extends Disposable, Result>(
  { values, terminal, place, create }: ConnectionFrom<C>,
  use: (client: C, access: ServerAccess) => Promise<Result>,
): Promise<Result> {
  const access = serverAccess(values, terminal, place);
  using client = create(access.options);
  try {
    return await use(client, access);
  } catch (error) {
    throw explained(error, access);
  }
}

/** What the network says when nobody listens. */
const networkFault =
  /Name resolution failed|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ENOENT|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/;

/** What grpc-js says when somebody listens who does not speak gRPC, or not with this TLS. A server's own texts differ. */
const connectionFault = /^No connection established|^Connection dropped|ECONNRESET|socket hang up/i;

function explained(error: unknown, { options, call }: ServerAccess): unknown {
  if (!(error instanceof ServingError) || error.reason === 'UNREACHABLE') return error;
  const { address } = options;
  if (error.code === 'unavailable') {
    const reason = networkFault.exec(error.message)?.[0];
    if (reason !== undefined) {
      return unreachable(
        `no server at ${address} (${reason}): is it running, and is the port right? --address names another one`,
        error,
      );
    }
    if (connectionFault.test(error.message)) {
      const tls =
        options.tls === undefined
          ? 'does it want TLS (--tls)'
          : 'does it speak TLS, with a certificate to trust (--tls-ca)';
      return unreachable(
        `no gRPC connection to ${address}: is it a gRPC port, and ${tls}? (${error.message})`,
        error,
      );
    }
  }
  if (error.code === 'deadline_exceeded') {
    return new ServingError(
      'deadline_exceeded',
      `no answer from ${address} within ${(call.timeoutMs ?? 0) / 1000} s`,
      {
        cause: error,
      },
    );
  }
  if (error.code === 'unauthenticated') {
    return new ServingError('unauthenticated', `${error.message} (set TENSORGATE_API_KEY)`, { cause: error });
  }
  return error;
}

function unreachable(message: string, cause: unknown): ServingError {
  return new ServingError('unavailable', message, { reason: 'UNREACHABLE', cause });
}
