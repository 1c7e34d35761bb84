import type { DialectName } from '../../../inference/dialect.ts';
import type { Dialect } from '../dialect.ts';
import type { DialectServices } from './dialect-services.ts';

/** These are one dialect together. */
const sharingPaths: readonly DialectName[] = ['kserve-v1', 'tensorflow-serving'];

type CreateDialect = (services: DialectServices) => Dialect;

type Load = (names: readonly DialectName[]) => Promise<CreateDialect>;

const loadV1: Load = async (names) => {
  const { createV1Dialect } = await import('./v1-models/v1-dialect.ts');
  return (services) => createV1Dialect(names, services);
};

const loaders = {
  'kserve-v1': loadV1,
  'tensorflow-serving': loadV1,
  torchserve: async () => (await import('./torchserve/torchserve-dialect.ts')).createTorchserveDialect,
  mlflow: async () => (await import('./mlflow/mlflow-dialect.ts')).createMlflowDialect,
  sagemaker: async () => (await import('./platforms/sagemaker-dialect.ts')).createSagemakerDialect,
  'vertex-ai': async () => (await import('./platforms/vertex-dialect.ts')).createVertexDialect,
  'azure-ml': async () => (await import('./platforms/azure-dialect.ts')).createAzureDialect,
  plain: async () => (await import('./plain/plain-dialect.ts')).createPlainDialect,
} as const satisfies Record<DialectName, Load>;

/**
 * Loads the code of the dialects of those names, and of no others. The dialects are made in their order: where two have
 * the same path, the first one answers.
 */
export async function loadDialects(
  names: readonly DialectName[],
): Promise<(services: DialectServices) => readonly Dialect[]> {
  const first = names.find((name) => sharingPaths.includes(name));
  const creators: CreateDialect[] = [];
  for (const name of names) {
    if (name === first || !sharingPaths.includes(name)) creators.push(await loaders[name](names));
  }
  return (services) => creators.map((create) => create(services));
}
