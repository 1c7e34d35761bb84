import type { Dialect } from '../../dialect.ts';
import { reads, takes, type Endpoint } from '../../http-call.ts';
import type { DialectServices } from '../dialect-services.ts';
import { plainErrorReply } from './invalid-features.ts';
import { createHealth, createModelInfo } from './model-info.ts';
import { createPredictAsync, createTasks } from './predict-async.ts';
import { createPredict } from './predict.ts';
import { SharedTaskStore } from './shared-task-store.ts';
import { TaskStore } from './task-store.ts';

/** Where the model is the one that is meant without a name, and where it is named. */
const modelPaths = ['/v1', '/v1/models/{model}', '/v1/models/{model}/versions/{version}', ''] as const;

/** Predictions for whoever knows features and no tensors. */
export function createPlainDialect(services: DialectServices): Dialect {
  const predict = takes('infer', createPredict(services, 'single'));
  const batch = takes('infer', createPredict(services, 'batch'));
  const { clock, joinTasks } = services;
  const tasks = joinTasks === undefined ? new TaskStore(clock) : new SharedTaskStore(services, joinTasks);
  const async = takes('infer', createPredictAsync(services, tasks, 'single'));
  const batchAsync = takes('infer', createPredictAsync(services, tasks, 'batch'));
  const info = reads('infer', createModelInfo(services));
  const health = reads('none', createHealth(services));
  const endpoints = new Map<string, Endpoint>();
  for (const path of modelPaths) {
    endpoints.set(`${path}/predict`, predict);
    endpoints.set(`${path}/predict/batch`, batch);
    endpoints.set(`${path}/predict/async`, async);
    endpoints.set(`${path}/predict/batch/async`, batchAsync);
    endpoints.set(path.endsWith('}') ? `${path}/info` : `${path}/model/info`, info);
  }
  endpoints.set('/v1/tasks/{task}', createTasks(tasks));
  endpoints.set('/v1/health', health);
  endpoints.set('/health', health);
  return {
    endpoints,
    errorReply: plainErrorReply,
    describe: async (models) => (await import('./plain-part.ts')).plainPart(models, services.catalog),
  };
}
