import { defaultDialects, type DialectName } from '../inference/dialect.ts';
import { integerValue, type Given, type Reading } from './given.ts';

/** Where a container runs that says by variables what it wants of it. */
export const platforms = ['none', 'sagemaker', 'vertex-ai', 'azure-ml', 'port'] as const;

export type Platform = (typeof platforms)[number];

type Environment = Readonly<Record<string, string | undefined>>;

interface Wanted {
  /** undefined where the platform has none: its deployments name ports themselves. */
  readonly portVariable?: string;
  readonly port: number;
  readonly dialect?: DialectName;
  /** Texts of settings by variable. */
  readonly texts?: Readonly<Record<string, string>>;
  /** Where the platform puts the model. */
  readonly repository?: (environment: Environment) => string | undefined;
}

const wantedOf: Readonly<Record<Exclude<Platform, 'none'>, Wanted>> = {
  sagemaker: {
    portVariable: 'SAGEMAKER_BIND_TO_PORT',
    port: 8080,
    dialect: 'sagemaker',
    texts: { SAGEMAKER_TRITON_DEFAULT_MODEL_NAME: 'models.defaultModel' },
    repository: () => '/opt/ml/model',
  },
  'vertex-ai': {
    portVariable: 'AIP_HTTP_PORT',
    port: 8080,
    dialect: 'vertex-ai',
    texts: { AIP_PREDICT_ROUTE: 'http.predictRoute', AIP_HEALTH_ROUTE: 'http.healthRoute' },
  },
  'azure-ml': {
    port: 5001,
    dialect: 'azure-ml',
    repository: (environment) => environment['AZUREML_MODEL_DIR'],
  },
  port: { portVariable: 'PORT', port: 8080 },
};

/** Levels of Python's logging, in which SageMaker's variable is given. */
const logLevels: ReadonlyMap<string, string> = new Map([
  ['10', 'debug'],
  ['20', 'info'],
  ['30', 'warn'],
  ['40', 'error'],
  ['50', 'error'],
]);

/**
 * What a platform's variables say. It wins over defaults only.
 *
 * @param others what is given elsewhere, of which the last counts.
 */
export function readPlatform(
  others: readonly Given[],
  environment: Environment,
  exists: (path: string) => boolean,
): Reading {
  const chosen = others.findLast(({ path }) => path === 'server.platform');
  const platform = platforms.find((candidate) => candidate === chosen?.value) ?? 'none';
  if (platform === 'none') return { given: [], problems: [], notices: [] };
  const { portVariable, port, dialect, texts = {}, repository } = wantedOf[platform];
  const origin = chosen?.origin ?? '';
  const given: Given[] = [];
  // One port for both protocols is the port of gRPC.
  const onePort = others.findLast(({ path }) => path === 'http.onGrpcPort')?.value === true;
  const front = onePort ? 'grpc' : 'http';
  given.push({ path: `${front}.address`, value: '0.0.0.0', origin });
  const portText = portVariable === undefined ? undefined : environment[portVariable];
  given.push(
    portVariable === undefined || portText === undefined || portText === ''
      ? { path: `${front}.port`, value: port, origin }
      : { path: `${front}.port`, value: integerValue(portText), origin: portVariable },
  );
  for (const [variable, path] of Object.entries(texts)) {
    const text = environment[variable] ?? '';
    if (text !== '') given.push({ path, value: text, origin: variable });
  }
  if (dialect !== undefined) {
    given.push({ path: 'server.dialects', value: [dialect, ...defaultDialects], origin });
  }
  const multiModel = isMultiModel(platform, environment);
  if (multiModel) {
    given.push({ path: 'http.sagemakerModels', value: multiModelFolder, origin: multiModelVariable });
    given.push({ path: 'models.controlMode', value: 'explicit', origin: multiModelVariable });
  }
  const folder = multiModel ? undefined : repository?.(environment);
  if (folder !== undefined && exists(folder)) {
    given.push({ path: 'models.repositories', value: [folder], origin });
  }
  return { given: [...given, ...sagemakerLevel(platform, environment)], problems: [], notices: [] };
}

function sagemakerLevel(platform: Platform, environment: Environment): readonly Given[] {
  const variable = 'SAGEMAKER_CONTAINER_LOG_LEVEL';
  const level = platform === 'sagemaker' ? logLevels.get(environment[variable] ?? '') : undefined;
  return level === undefined ? [] : [{ path: 'log.level', value: level, origin: variable }];
}

const multiModelVariable = 'SAGEMAKER_MULTI_MODEL';

/** Where SageMaker puts the models of such an endpoint. */
const multiModelFolder = '/opt/ml/models';

function isMultiModel(platform: Platform, environment: Environment): boolean {
  return platform === 'sagemaker' && environment[multiModelVariable]?.toLowerCase() === 'true';
}
