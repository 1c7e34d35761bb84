import type { OpenModel } from '../inference/executor.ts';
import type { OpenModuleOptions } from './open-module.ts';

/**
 * @returns an opener that also opens the module of a plan that has one, and closes it with the sessions. Without such a
 * plan not even its code is loaded.
 */
export function withProcessing(openModel: OpenModel, options: Omit<OpenModuleOptions, 'model'>): OpenModel {
  return async (plan, signal) => {
    if (plan.processing === undefined) return openModel(plan, signal);
    const { openModule } = await import('./open-module.ts');
    await using undo = new AsyncDisposableStack();
    const { declaration, processor } = await openModule(plan.processing, {
      ...options,
      model: plan.modelPath,
    });
    undo.use(processor);
    const opened = await openModel(plan, signal);
    undo.move();
    return {
      metadata: opened.metadata,
      executors: opened.executors,
      processing: { declaration, processor },
      async [Symbol.asyncDispose]() {
        await processor[Symbol.asyncDispose]();
        await opened[Symbol.asyncDispose]();
      },
    };
  };
}
