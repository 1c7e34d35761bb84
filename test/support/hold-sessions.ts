import { registerHooks } from 'node:module';

/** Preloaded into a server: sessions on its executor threads come from held-session.ts, beside this file. */
const held = new URL('./held-session.ts', import.meta.url).href;
registerHooks({
  resolve(specifier, context, next) {
    const ofWorker = context.parentURL?.endsWith('/src/execution/worker.ts') === true;
    return ofWorker && specifier === './session.ts'
      ? { url: held, shortCircuit: true }
      : next(specifier, context);
  },
});
