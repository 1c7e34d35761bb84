import { ServingError } from '../../src/errors.ts';
import type { IndexEntry, ModelCatalog, ModelMetadata } from '../../src/inference/catalog.ts';

/** A catalog of models that the test lists; every one with metadata is ready. */
export function fakeCatalog(
  models: readonly ModelMetadata[],
  others: readonly IndexEntry[] = [],
): ModelCatalog {
  const ready = models.map(({ name }): IndexEntry => ({ name, version: '1', state: 'READY', reason: '' }));
  return {
    ready: () => true,
    modelReady: (model) => models.some(({ name }) => name === model),
    metadata(model) {
      const found = models.find(({ name }) => name === model);
      if (found === undefined) throw new ServingError('not_found', `no model ${model}`);
      return found;
    },
    config: () => ({}),
    labels: () => new Map(),
    features: () => undefined,
    statistics: () => [],
    index: (readyOnly) => (readyOnly ? ready : [...ready, ...others]),
    onChange: () => ({ [Symbol.dispose]() {} }),
  };
}
