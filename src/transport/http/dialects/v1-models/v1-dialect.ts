import type { DialectName } from '../../../../inference/dialect.ts';
import type { Dialect } from '../../dialect.ts';
import { reads, takes, type Endpoint } from '../../http-call.ts';
import { jsonReply } from '../../reply.ts';
import { errorReply } from '../../status.ts';
import type { DialectServices } from '../dialect-services.ts';
import { createClassify, createRegress } from './classify.ts';
import { createMetadata, createReadiness, createStatus } from './model-status.ts';
import { createPredict } from './predict.ts';

const newest = '/v1/models/{model}';

/** Where TensorFlow Serving knows a model: its newest version, one by number, one by label. */
const modelPaths = [newest, `${newest}/versions/{version}`, `${newest}/labels/{label}`] as const;

/**
 * KServe's first protocol and TensorFlow Serving's REST form, which share their paths. With both on, `inputs` are columns
 * as in TensorFlow Serving, and a model's path tells what either tells there.
 */
export function createV1Dialect(names: readonly DialectName[], services: DialectServices): Dialect {
  const withTensorflow = names.includes('tensorflow-serving');
  const endpoints = new Map<string, Endpoint>();
  const predict = createPredict(services, withTensorflow ? 'column' : 'row');
  for (const path of withTensorflow ? modelPaths : [newest]) {
    endpoints.set(`${path}:predict`, takes('infer', predict));
    if (!withTensorflow) continue;
    endpoints.set(`${path}:classify`, takes('infer', createClassify(services)));
    endpoints.set(`${path}:regress`, takes('infer', createRegress(services)));
    endpoints.set(`${path}/metadata`, reads('infer', createMetadata(services)));
    endpoints.set(path, reads('infer', createStatus(services)));
  }
  if (names.includes('kserve-v1')) {
    const readiness = createReadiness(services, withTensorflow ? 'with versions' : 'alone');
    endpoints.set(newest, reads('infer', readiness));
    endpoints.set(
      '/v1/models',
      reads('infer', () => jsonReply({ models: readyModels(services) })),
    );
    endpoints.set(
      '/',
      reads('none', () => jsonReply({ status: 'alive' })),
    );
  }
  return {
    endpoints,
    errorReply,
    async describe(models) {
      const { v1Part } = await import('./v1-part.ts');
      return v1Part(models, { kserve: names.includes('kserve-v1'), tensorflow: withTensorflow });
    },
  };
}

function readyModels({ catalog }: DialectServices): readonly string[] {
  return [...new Set(catalog.index(true).map(({ name }) => name))];
}
