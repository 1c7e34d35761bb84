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
  const signers = sources.signingKeys.length + sources.signingAuthorities.length;
  if (sources.requireSigned !== signers > 0) {
    const name = sources.requireSigned
      ? 'requireSigned'
      : sources.signingKeys.length > 0
        ? 'signingKeys'
        : 'signingAuthorities';
    const needed = sources.requireSigned ? 'signingKeys or signingAuthorities' : 'requireSigned';
    problems.push(`sources.${name} needs sources.${needed}${from(`sources.${name}`)}`);
  }
  return problems;
}
