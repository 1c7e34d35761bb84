import { totalmem } from 'node:os';
import type { Given } from './given.ts';

/** What defaults depend on, injected so that tests do not depend on the machine. */
export interface Surroundings {
  exists(path: string): boolean;
  /** As `process.constrainedMemory()`: 0 or an absurdly large number when there is no limit. */
  constrainedMemoryBytes(): number;
  /** That the process may be scheduled on. */
  cores(): number;
}

/** Where KServe's storage initializer leaves the model. */
const kserveModels = '/mnt/models';

/** Values of settings whose default depends on the machine or on other settings. Never replaces what was given. */
export function detect(given: ReadonlyMap<string, Given>, surroundings: Surroundings): Given[] {
  const found: Given[] = [];
  const set = (path: string, value: unknown, origin = 'detected'): void => {
    if (!given.has(path)) found.push({ path, value, origin });
  };
  if (surroundings.exists(kserveModels)) set('models.repositories', [kserveModels]);
  if ((given.get('server.byteBudget')?.value ?? 0) === 0) {
    found.push({ path: 'server.byteBudget', value: byteBudget(surroundings), origin: 'detected' });
  }
  const verbose = given.get('log.verbose');
  if (typeof verbose?.value === 'number' && verbose.value > 0) set('log.level', 'debug', verbose.origin);
  for (const tls of ['grpc.tls', 'http.tls']) {
    const mutual = given.get(`${tls}.mutual`);
    if (mutual?.value === true) set(`${tls}.enabled`, true, mutual.origin);
  }
  return found;
}

/** A quarter: the rest is for models, their scratch memory and replies. */
function byteBudget(surroundings: Surroundings): number {
  const limit = surroundings.constrainedMemoryBytes();
  const memory = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return Math.floor(memory / 4);
}
