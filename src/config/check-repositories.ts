import type { Options } from './options.ts';

/**
 * What is wrong with where models come from and when they are loaded.
 *
 * @param from where a value was given, for people.
 */
export function checkRepositories(
  { models, server, http, sources }: Options,
  from: (path: string) => string,
): readonly string[] {
  const problems: string[] = [];
  const multiModel = http.sagemakerModels !== undefined;
  if (multiModel && models.controlMode !== 'explicit') {
    problems.push(
      `http.sagemakerModels needs models.controlMode explicit, got ${JSON.stringify(models.controlMode)}${from('models.controlMode')}`,
    );
  }
  if (models.repositories.length === 0 && !multiModel) {
    problems.push(
      'models.repositories is empty: name a model repository, for example --model-repository ./models',
    );
  }
  const onDemand = models.controlMode === 'on-demand';
  if (onDemand && server.ioThreads > 1) {
    problems.push(
      `models.controlMode on-demand needs server.ioThreads 1, got ${server.ioThreads}${from('server.ioThreads')}`,
    );
  }
  for (const name of ['maxLoaded', 'idleSecs'] as const) {
    if (models[name] > 0 && !onDemand) {
      problems.push(`models.${name} needs models.controlMode on-demand${from(`models.${name}`)}`);
    }
  }
  if (models.load.length > 0 && models.controlMode !== 'explicit' && !onDemand) {
    problems.push(
      `models.load needs models.controlMode explicit or on-demand, got ${JSON.stringify(models.controlMode)}${from('models.load')}`,
    );
  }
  problems.push(...checkSources({ models, sources }, from));
  return problems;
}

function checkSources(
  { models, sources }: Pick<Options, 'models' | 'sources'>,
  from: (path: string) => string,
): readonly string[] {
  const problems: string[] = [];
  const isSigned = sources.signingKeys.length + sources.signingAuthorities.length > 0;
  if (sources.requireSigned && !isSigned) {
    problems.push(
      `sources.requireSigned needs sources.signingKeys or sources.signingAuthorities${from('sources.requireSigned')}`,
    );
  }
  for (const name of ['signingKeys', 'signingAuthorities'] as const) {
    if (sources[name].length > 0 && !sources.requireSigned) {
      problems.push(`sources.${name} needs sources.requireSigned${from(`sources.${name}`)}`);
    }
  }
  const isRegistered = models.repositories.some((repository) => repository.startsWith('models:/'));
  if (sources.rollout !== undefined && !(isRegistered && models.controlMode === 'poll')) {
    problems.push(
      `sources.rollout needs a repository of models:/ and models.controlMode poll${from('sources.rollout')}`,
    );
  }
  return problems;
}
