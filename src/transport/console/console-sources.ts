import type { ModelCatalog, ModelControl } from '../../inference/catalog.ts';
import type { Logger } from '../../inference/logger.ts';
import type { Principal } from '../../inference/principal.ts';

/** What the console's page reads and moves besides the metrics. */
export interface ConsoleSources {
  readonly catalog: ModelCatalog;
  readonly control: ModelControl;
  server(): { readonly id: string; readonly version: string; readonly draining: boolean };
  /** Forgets cached answers of a model, or of all for ''. @throws (rejects with) unavailable when other servers cannot be told. */
  purge(model: string): Promise<unknown>;
  /** Begins the orderly stop and returns at once. */
  drain(): void;
  /** @throws ServingError unauthenticated */
  readonly authenticate: (header: (name: string) => string | undefined) => Principal;
  /** Without API keys every caller may do anything, so that only callers of this machine are let in. */
  readonly hasKeys: boolean;
  /** Every action is logged with the caller's name. */
  readonly logger: Logger;
}
