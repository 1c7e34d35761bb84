import type { Feature } from '../../../../inference/features.ts';
import type { Handler } from '../../http-call.ts';
import { jsonReply } from '../../reply.ts';
import { defaultModel, readyModels } from '../default-model.ts';
import type { DialectServices } from '../dialect-services.ts';
import { plainModel, type PlainInput } from './plain-model.ts';

/** What a model takes and gives, in the terms of the plain prediction API. */
export function createModelInfo({ catalog, defaultModel: configured }: DialectServices): Handler {
  return ({ path }) => {
    const name = path.model === '' ? defaultModel(catalog, configured) : path.model;
    const { inputs, ...model } = plainModel(catalog, name, path.version);
    const { classes, scoresAre, scores } = model.prediction;
    return jsonReply({
      name: model.name,
      version: model.version,
      ...(model.description === '' ? {} : { description: model.description }),
      ...(model.features.length > 0
        ? { features: model.features.map(featureInfo) }
        : { inputs: inputs.map(inputInfo) }),
      classes,
      probabilities: scores !== '' && scoresAre !== 'scores',
      max_batch_size: Math.max(1, model.maxBatchSize),
    });
  };
}

function featureInfo({ name, type, min, max, values, nonFinite, description, ...feature }: Feature): object {
  return {
    name,
    type,
    min,
    max,
    default: feature.default,
    ...(description === '' ? {} : { description }),
    ...(values.length === 0 ? {} : { values }),
    ...(type === 'number' ? { non_finite: nonFinite } : {}),
  };
}

function inputInfo({ name, rowShape, optional, any: { type, nonFinite } }: PlainInput): object {
  return { name, type, shape: rowShape, optional, ...(type === 'number' ? { non_finite: nonFinite } : {}) };
}

/** Whether predictions can be had: 503 while no model is ready. For probes, which have no credentials. */
export function createHealth({ catalog }: DialectServices): Handler {
  return () => {
    const models = readyModels(catalog);
    const loaded = models.length > 0;
    const healthy = loaded && catalog.ready();
    const status = healthy ? 'healthy' : loaded ? 'degraded' : 'unhealthy';
    return jsonReply({ status, model_loaded: loaded }, healthy ? 200 : 503);
  };
}
