import { z } from 'zod';
import { optionalText } from './setting.ts';

/** The options of monitoring; what is monitored says each model's file. */
export const quality = z
  .strictObject({
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
