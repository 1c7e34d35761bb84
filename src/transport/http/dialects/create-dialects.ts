import type { DialectName } from '../../../inference/dialect.ts';
import type { Dialect } from '../dialect.ts';
import type { DialectServices } from './dialect-services.ts';
import { createMlflowDialect } from './mlflow/mlflow-dialect.ts';
import { createAzureDialect } from './platforms/azure-dialect.ts';
import { createSagemakerDialect } from './platforms/sagemaker-dialect.ts';
import { createVertexDialect } from './platforms/vertex-dialect.ts';
import { createPlainDialect } from './plain/plain-dialect.ts';
import { createTorchserveDialect } from './torchserve/torchserve-dialect.ts';
import { createV1Dialect } from './v1-models/v1-dialect.ts';

/** The dialects of those names, in their order: where two have the same path, the first one answers. */
export function createDialects(names: readonly DialectName[], services: DialectServices): readonly Dialect[] {
  const dialects = new Map<string, Dialect>();
  for (const name of names) {
    switch (name) {
      case 'kserve-v1':
      case 'tensorflow-serving':
        // They share paths, and so are one.
        if (!dialects.has('v1')) dialects.set('v1', createV1Dialect(names, services));
        break;
      case 'torchserve':
        dialects.set(name, createTorchserveDialect(services));
        break;
      case 'mlflow':
        dialects.set(name, createMlflowDialect(services));
        break;
      case 'sagemaker':
        dialects.set(name, createSagemakerDialect(services));
        break;
      case 'vertex-ai':
        dialects.set(name, createVertexDialect(services));
        break;
      case 'azure-ml':
        dialects.set(name, createAzureDialect(services));
        break;
      case 'plain':
        dialects.set(name, createPlainDialect(services));
        break;
    }
  }
  return [...dialects.values()];
}
