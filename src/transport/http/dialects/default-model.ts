import { ServingError } from '../../../errors.ts';
import type { ModelCatalog } from '../../../inference/catalog.ts';

/**
 * The model that is meant where none is named: the one of `--default-model`, or the only one that is ready.
 *
 * @throws invalid_argument when that is not clear, unavailable when none is ready.
 */
export function defaultModel(catalog: ModelCatalog, configured: string): string {
  if (configured !== '') return configured;
  const ready = readyModels(catalog);
  const [only, more] = ready;
  if (only !== undefined && more === undefined) return only;
  if (only === undefined) {
    throw new ServingError('unavailable', 'no model is ready', { reason: 'MODEL_NOT_READY' });
  }
  throw new ServingError(
    'invalid_argument',
    `${ready.length} models are served: name one, or let the server have a --default-model`,
    { reason: 'MODEL_NOT_NAMED' },
  );
}

/** Names of models of which a version is ready. */
export function readyModels(catalog: ModelCatalog): readonly string[] {
  return [...new Set(catalog.index(true).map(({ name }) => name))];
}
