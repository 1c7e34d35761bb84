import { registerHooks } from 'node:module';
import { isMainThread } from 'node:worker_threads';

/** Preloaded into a server: sessions on its executor threads come from faulty-session.ts, beside this file. */
if (!isMainThread) {
  const faulty = new URL('./faulty-session.ts', import.meta.url).href;
  registerHooks({
    resolve(specifier, context, next) {
      const ofWorker = context.parentURL?.includes('/src/execution/worker.ts') === true;
      if (ofWorker && specifier === './session.ts') return { url: faulty, shortCircuit: true };
      return next(specifier, context);
    },
  });
}
