import { registerHooks } from 'node:module';

/** Preloaded into a server: sessions on its executor threads and in its processes come from faulty-session.ts, beside this file. */
const faulty = new URL('./faulty-session.ts', import.meta.url).href;
registerHooks({
  resolve(specifier, context, next) {
    const ofWorker = /\/src\/execution\/(process-)?worker\.ts$/.test(context.parentURL ?? '');
    if (ofWorker && specifier === './session.ts') return { url: faulty, shortCircuit: true };
    return next(specifier, context);
  },
});
