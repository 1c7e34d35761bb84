import { z } from 'zod';
import { integer } from './setting.ts';

/** Highest delay that Node's timers take. */
const durationMs = { min: 0, max: 2 ** 31 - 1 };

/** The options of the response cache. */
export const cache = z
  .strictObject({
    maxBytes: integer(
      64 * 1024 * 1024,
      { min: 0, max: 2 ** 40 },
      {
        flag: 'cache-max-bytes',
        value: 'bytes',
        about:
          'Memory for answers of models with response_cache; used only once there is such a model. 0 turns the cache off. See cache.md.',
      },
    ),
    ttlMs: integer(0, durationMs, {
      flag: 'cache-ttl',
      value: 'ms',
      about: 'How long an answer is given again; 0: as long as there is room for it.',
    }),
    staleMs: integer(0, durationMs, {
      flag: 'cache-stale',
      value: 'ms',
      about: 'How much longer, with --cache-ttl, it is given while it is computed anew.',
    }),
  })
  .prefault({});
