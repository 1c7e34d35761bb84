import { z } from 'zod';
import { choice, optionalText, text } from './setting.ts';

/** Where asynchronous predictions are kept. */
export const tasks = z
  .strictObject({
    redisUrl: optionalText({
      flag: 'task-redis',
      value: 'url',
      about:
        'Redis that servers share asynchronous predictions through, such as redis://host:6379, several hosts with commas between them; otherwise each keeps its own in memory. Needs the package ioredis. See plain-api.md.',
    }),
    redisMode: choice('single', ['single', 'sentinel', 'cluster'], {
      flag: 'task-redis-mode',
      about: 'What the hosts of --task-redis are: a server, its Sentinels, or nodes of a cluster.',
    }),
    redisSentinelName: text('mymaster', {
      flag: 'task-redis-sentinel-name',
      value: 'name',
      about: 'What the Sentinels call the server.',
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
