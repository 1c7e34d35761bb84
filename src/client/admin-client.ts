import { Connection } from './connection.ts';
import { number } from './fields.ts';
import type { CallOptions, ClientOptions } from './types.ts';

/** Speaks to the administration service of a server of this package. Failures are ServingErrors. */
export interface AdminClient extends Disposable {
  /** Forgets cached answers of a model, or of all models for ''. @returns how many were in the server's memory. */
  purgeCache(model: string, options?: CallOptions): Promise<number>;
}

/** Connects at the first call. Dispose it to close the connection. */
export function createAdminClient(options: ClientOptions): AdminClient {
  const connection = new Connection(options, 'tensorgate/admin/v1/admin.proto', 'tensorgate.admin.v1.Admin');
  return {
    purgeCache: async (model, options) =>
      number(await connection.unary('PurgeCache', { name: model }, options), 'answers'),
    [Symbol.dispose]: () => connection.close(),
  };
}
