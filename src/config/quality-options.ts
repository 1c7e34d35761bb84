import { z } from 'zod';
import { choice, optionalText, text } from './setting.ts';

/** The options of monitoring; what is monitored says each model's file. */
export const quality = z
  .strictObject({
    store: choice('file', ['file', 'redis', 'off'], {
      flag: 'quality-store',
      about:
        'Where labels, predictions that wait for labels, and drift are kept from one start to the next. redis: in that of --cache-redis, so that a label may come to any server that uses it.',
    }),
    state: text('tensorgate-quality', {
      flag: 'quality-state',
      value: 'folder',
      about: 'Folder of --quality-store file; made once a model is monitored.',
    }),
    webhook: optionalText({
      flag: 'quality-webhook',
      value: 'url',
      about:
        'Where it is told, by POST, that the data of a monitored model have drifted or its quality has changed. See quality.md.',
    }),
    webhookSecretFile: optionalText({
      flag: 'quality-webhook-secret-file',
      value: 'file',
      about: 'File whose first line is the key that those messages are signed with.',
    }),
  })
  .prefault({});
