import type { ServingError } from '../errors.ts';
import type { EnsembleConfig } from '../inference/ensemble.ts';
import type { ModelConfig } from './config.ts';
import { configFromJson } from './config-from-json.ts';
import { configFromPbtxt } from './config-from-pbtxt.ts';
import { datatypeOf } from './model-shape.ts';
import type { ModelSource } from './model-source.ts';

/** The fields of a model's own that an ensemble, which has no model, must leave out. */
const ofModels = ['instance_group', 'model_warmup', 'batch_input', 'batch_output'] as const;

/**
 * Checks what an ensemble's configuration says, the graph of its steps apart.
 *
 * @throws ServingError invalid_argument
 */
export function checkEnsembleConfig(
  config: ModelConfig,
  wrong: (path: string, problem: string) => ServingError,
): void {
  if (config.platform !== 'ensemble') {
    throw wrong('ensemble_scheduling', 'is for models of the platform "ensemble"');
  }
  if (config.ensemble_scheduling === undefined) {
    throw wrong('ensemble_scheduling', 'is missing, and the platform is "ensemble"');
  }
  if (config.backend !== '') throw wrong('backend', 'an ensemble has none');
  for (const field of ofModels) {
    if (config[field].length > 0) throw wrong(field, 'is for models, and an ensemble has none of its own');
  }
  if (config.optimization !== undefined) {
    throw wrong('optimization', 'is for models, and an ensemble has none of its own');
  }
  if (config.model_transaction_policy?.decoupled === true) {
    throw wrong('model_transaction_policy', 'an ensemble gives one answer to each request');
  }
  for (const field of ['input', 'output'] as const) {
    for (const [index, tensor] of config[field].entries()) {
      if (datatypeOf(tensor.data_type) === undefined) throw wrong(`${field}[${index}]`, 'needs a data_type');
      if (tensor.reshape !== undefined) throw wrong(`${field}[${index}]`, 'reshape is for models');
    }
  }
}

/** What is served and told of an ensemble: its configuration with the defaults that Triton fills in. */
export function completeEnsemble(given: ModelConfig, model: string): ModelConfig {
  return {
    ...given,
    name: model,
    platform: 'ensemble',
    version_policy: given.version_policy ?? { latest: { num_versions: 1 } },
  };
}

/** The models that a configuration names as steps, once each; none when it is no ensemble's, or cannot be read. */
export function stepModels(
  source: Pick<ModelSource, 'name' | 'configText'>,
  override: string | undefined,
): readonly string[] {
  const text = override ?? source.configText ?? '';
  // Most models are no ensembles, and reading their configuration once, when they load, is enough.
  if (!/ensemble_?scheduling/i.test(text)) return [];
  try {
    const config =
      override === undefined ? configFromPbtxt(text, source.name) : configFromJson(override, source.name);
    return modelsOf(config.ensemble_scheduling);
  } catch {
    // The load says what is wrong with it.
    return [];
  }
}

function modelsOf(ensemble: EnsembleConfig | undefined): readonly string[] {
  return [...new Set(ensemble?.step.map((step) => step.model_name))];
}

/** The way from a model back to itself through steps of ensembles; undefined when there is none. */
export function stepCycle(
  model: string,
  stepsOf: (model: string) => readonly string[],
): readonly string[] | undefined {
  const seen = new Set<string>();
  const search = (at: string, path: readonly string[]): readonly string[] | undefined => {
    for (const step of stepsOf(at)) {
      if (step === model) return [...path, step];
      if (seen.has(step)) continue;
      seen.add(step);
      const found = search(step, [...path, step]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return search(model, [model]);
}
