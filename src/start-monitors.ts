import type { Options } from './config/options.ts';
import type { Logger } from './inference/logger.ts';
import { ModelMonitors } from './quality/model-monitors.ts';
import { readSecret } from './quality/read-secret.ts';
import { Webhook } from './quality/webhook.ts';
import type { Clock } from './util/clock.ts';

/** The monitors of a server; what happens to the quality of models is told to `--quality-webhook`, where there is one. */
export function startMonitors(
  { quality: { webhook: url, webhookSecretFile } }: Options,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): ModelMonitors {
  const webhook =
    url === undefined
      ? undefined
      : new Webhook({ url, secret: readSecret(webhookSecretFile), clock, logger });
  return new ModelMonitors({ clock, logger, webhook });
}
