import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadOptions } from '../../../src/config/load.ts';
import type { Options } from '../../../src/config/options.ts';

interface Asked {
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly folders?: readonly string[];
}

function load({ args, environment = {}, folders = [] }: Asked): Options | readonly string[] {
  const result = loadOptions(
    { args, environment },
    { exists: (path) => folders.includes(path), constrainedMemoryBytes: () => 4000, cores: () => 4 },
  );
  return result.kind === 'refused' ? result.problems : result.options;
}

/** Port, address, first dialect, and the repositories. */
function seen(asked: Asked): unknown {
  const options = load(asked);
  if (!('http' in options)) return options;
  const { http, server, models } = options;
  return [http.address, http.port, server.dialects[0], models.repositories];
}

const cases: readonly (readonly [string, Asked, unknown])[] = [
  [
    'SageMaker',
    { args: ['--platform', 'sagemaker'], folders: ['/opt/ml/model', '/mnt/models'] },
    ['0.0.0.0', 8080, 'sagemaker', ['/opt/ml/model']],
  ],
  [
    'SageMaker with another port',
    { args: ['--platform', 'sagemaker', 'm'], environment: { SAGEMAKER_BIND_TO_PORT: '8090' } },
    ['0.0.0.0', 8090, 'sagemaker', ['m']],
  ],
  [
    'Vertex AI',
    { args: ['m'], environment: { TENSORGATE_PLATFORM: 'vertex-ai', AIP_HTTP_PORT: '7080' } },
    ['0.0.0.0', 7080, 'vertex-ai', ['m']],
  ],
  [
    'Azure ML',
    { args: ['--platform', 'azure-ml'], environment: { AZUREML_MODEL_DIR: '/models' }, folders: ['/models'] },
    ['0.0.0.0', 5001, 'azure-ml', ['/models']],
  ],
  [
    'a platform that sets PORT',
    { args: ['--platform', 'port', 'm'], environment: { PORT: '9090' } },
    ['0.0.0.0', 9090, 'kserve-v1', ['m']],
  ],
  [
    'what is given besides, which wins',
    {
      args: ['--platform', 'sagemaker', '--http-port', '1', '--dialects', 'mlflow', 'm'],
      environment: { TENSORGATE_HTTP_ADDRESS: '127.0.0.2', SAGEMAKER_BIND_TO_PORT: '2' },
      folders: ['/opt/ml/model'],
    },
    ['127.0.0.2', 1, 'mlflow', ['m']],
  ],
  [
    'no platform, whatever the variables are',
    { args: ['m'], environment: { PORT: '9090', SAGEMAKER_BIND_TO_PORT: '2', AIP_HTTP_PORT: '3' } },
    ['127.0.0.1', 8000, 'kserve-v1', ['m']],
  ],
  [
    'a port that is none',
    { args: ['--platform', 'port', 'm'], environment: { PORT: 'x' } },
    ['http.port must be a whole number from 0 to 65535, got "x" (PORT)'],
  ],
  [
    'an endpoint with several models',
    { args: ['--platform', 'sagemaker', 'm'], environment: { SAGEMAKER_MULTI_MODEL: 'true' } },
    ['0.0.0.0', 8080, 'sagemaker', ['m']],
  ],
  [
    'a route that is none',
    { args: ['--platform', 'vertex-ai', 'm'], environment: { AIP_PREDICT_ROUTE: 'predict{x}' } },
    ['http.predictRoute must be a path that begins with /, got "predict{x}" (AIP_PREDICT_ROUTE)'],
  ],
];

for (const [title, asked, expected] of cases) {
  test(`options on ${title}`, () => assert.deepEqual(seen(asked), expected));
}

test('an endpoint with several models begins without one', () => {
  const options = load({
    args: ['--platform', 'sagemaker'],
    environment: { SAGEMAKER_MULTI_MODEL: 'true' },
    folders: ['/opt/ml/model'],
  });
  assert.ok('http' in options);
  const { http, models } = options;
  assert.deepEqual(
    [http.sagemakerModels, models.controlMode, models.repositories],
    ['/opt/ml/models', 'explicit', []],
  );
});

test('one port for both protocols is the port of gRPC', () => {
  const options = load({
    args: ['--platform', 'port', '--http-on-grpc-port', 'm'],
    environment: { PORT: '9090' },
  });
  assert.ok('grpc' in options);
  assert.deepEqual([options.grpc.address, options.grpc.port], ['0.0.0.0', 9090]);
});

test('routes, model and log level come from the variables of the platform', () => {
  const vertex = load({
    args: ['--platform', 'vertex-ai', 'm'],
    environment: { AIP_PREDICT_ROUTE: '/v1/endpoints/1/deployedModels/2:predict', AIP_HEALTH_ROUTE: '/h' },
  });
  assert.ok('http' in vertex);
  assert.deepEqual(
    [vertex.http.predictRoute, vertex.http.healthRoute],
    ['/v1/endpoints/1/deployedModels/2:predict', '/h'],
  );
  const sagemaker = load({
    args: ['--platform', 'sagemaker', 'm'],
    environment: { SAGEMAKER_TRITON_DEFAULT_MODEL_NAME: 'iris', SAGEMAKER_CONTAINER_LOG_LEVEL: '30' },
  });
  assert.ok('models' in sagemaker);
  assert.deepEqual([sagemaker.models.defaultModel, sagemaker.log.level], ['iris', 'warn']);
});
