import { z } from 'zod';
import { choice, integer, list, optionalText, text, toggle } from './setting.ts';

/** Highest delay that Node's timers take. */
const durationMs = { min: 0, max: 2 ** 31 - 1 };

const redis = z
  .strictObject({
    nodes: list({
      flag: 'cache-redis',
      value: 'host:port',
      about:
        'Redis that servers share answers through: the server, its Sentinels, or nodes of the cluster. May be repeated; needs the package ioredis. See cache.md.',
    }),
    mode: choice('single', ['single', 'sentinel', 'cluster'], {
      flag: 'cache-redis-mode',
      about: 'What the nodes of --cache-redis are.',
    }),
    sentinelName: text('mymaster', {
      flag: 'cache-redis-sentinel-name',
      value: 'name',
      about: 'What the Sentinels call the server.',
    }),
    username: optionalText({ flag: 'cache-redis-username', value: 'name', about: 'ACL user of Redis.' }),
    passwordFile: optionalText({
      flag: 'cache-redis-password-file',
      value: 'file',
      about: 'File whose first line is the password for Redis.',
    }),
    tls: toggle(false, { flag: 'cache-redis-tls', about: 'TLS to Redis.' }),
    tlsCa: optionalText({
      flag: 'cache-redis-tls-ca',
      value: 'file',
      about: "PEM certificates that Redis' certificate must chain to; otherwise the system's.",
    }),
    encryptionKeysFile: optionalText({
      flag: 'cache-redis-encryption-keys',
      value: 'file',
      about:
        'File of keys, each a line of 64 hexadecimal digits: values in Redis are encrypted with the first and decrypted with any. Read again when it changes.',
    }),
    prefix: text('tensorgate', {
      flag: 'cache-redis-prefix',
      value: 'text',
      about: 'What names in Redis begin with. Another prefix is another cache.',
    }),
    budgetMs: integer(
      5,
      { min: 1, max: 1000 },
      {
        flag: 'cache-redis-budget',
        value: 'ms',
        about: 'Longest time that a request waits for Redis; at most a tenth of the time that it has left.',
      },
    ),
    ttlMs: integer(
      86_400_000,
      { min: 1000, max: 2 ** 31 - 1 },
      { flag: 'cache-redis-ttl', value: 'ms', about: 'How long Redis keeps an answer.' },
    ),
    maxValueBytes: integer(
      1024 * 1024,
      { min: 1, max: 512 * 1024 * 1024 },
      { flag: 'cache-redis-max-value', value: 'bytes', about: 'Largest answer that is written to Redis.' },
    ),
  })
  .prefault({});

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
    redis,
  })
  .prefault({});
