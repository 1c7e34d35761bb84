import { ServingError } from '../errors.ts';
import type { ModelCatalog, ModelControl } from './catalog.ts';
import type { StatisticsSnapshot } from './statistics.ts';

/** @throws unavailable when the server does not load and unload on request. */
export function requireControl(control: ModelControl | undefined): ModelControl {
  if (control !== undefined) return control;
  throw new ServingError(
    'unavailable',
    'explicit model load / unload is not allowed if polling is enabled or model control is off; use --model-control-mode explicit',
    { reason: 'MODEL_CONTROL_OFF' },
  );
}

/** What naming a repository is answered with: the protocol has a place for it, and no server a use. */
export function namedRepository(): ServingError {
  return new ServingError('unimplemented', "'repository_name' specification is not supported", {
    reason: 'REPOSITORY_NAME_UNSUPPORTED',
  });
}

/** Unlike elsewhere in the protocol, an unknown model is an invalid argument here. @throws invalid_argument */
export function readStatistics(
  catalog: ModelCatalog,
  model: string,
  version: string,
): readonly StatisticsSnapshot[] {
  try {
    return catalog.statistics(model, version);
  } catch (thrown) {
    if (!(thrown instanceof ServingError) || thrown.code !== 'not_found') throw thrown;
    const which = version === '' ? `'${model}'` : `'${model}' version ${version}`;
    throw new ServingError('invalid_argument', `requested model ${which} is not available`, {
      reason: 'MODEL_NOT_FOUND',
    });
  }
}
