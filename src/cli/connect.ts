import { createClient, type Client } from '../client/client.ts';
import { ServingError } from '../errors.ts';
import type { FlagValues, Terminal } from './command.ts';
import { serverAccess, type ServerAccess } from './server-flags.ts';

/** Runs `use` with a client for the server that the flags name, closes it, and words connection failures for people. */
export async function withClient<Result>(
  values: FlagValues,
  terminal: Terminal,
  use: (client: Client, access: ServerAccess) => Promise<Result>,
): Promise<Result> {
  const access = serverAccess(values, terminal);
  using client = createClient(access.options);
  try {
    return await use(client, access);
  } catch (error) {
    throw explained(error, access);
  }
}

function explained(error: unknown, { options, call }: ServerAccess): unknown {
  if (!(error instanceof ServingError)) return error;
  const { address } = options;
  if (
    error.code === 'unavailable' &&
    /no connection established|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ENOENT/i.test(error.message)
  ) {
    const reason = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ENOENT|ETIMEDOUT|certificate|SSL|TLS/i.exec(
      error.message,
    )?.[0];
    return unreachable(
      `no server at ${address}${reason === undefined ? '' : ` (${reason})`}: is it running, and is the port right? --address names another one`,
      error,
    );
  }
  if (
    error.code === 'unavailable' &&
    /disconnect|reset|dropped|closed|protocol error|hang up/i.test(error.message)
  ) {
    return unreachable(
      `${address} closed the connection: is it a gRPC port, and does it want TLS (--tls) or no TLS? (${error.message})`,
      error,
    );
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
