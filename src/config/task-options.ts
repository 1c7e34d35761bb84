import { z } from 'zod';
import { optionalText, text } from './setting.ts';

/** Where asynchronous predictions are kept. */
export const tasks = z
  .strictObject({
    redisUrl: optionalText({
      flag: 'task-redis',
      value: 'url',
      about:
        'Redis that servers share asynchronous predictions through, such as redis://host:6379; otherwise each keeps its own in memory. Needs the package ioredis. See plain-api.md.',
    }),
    redisPasswordFile: optionalText({
      flag: 'task-redis-password-file',
      value: 'file',
      about: 'File whose first line is the password for that Redis.',
    }),
    redisPrefix: text('tensorgate', {
      flag: 'task-redis-prefix',
      value: 'text',
      about: 'What names in that Redis begin with. Servers with another prefix share nothing.',
    }),
  })
  .prefault({});
