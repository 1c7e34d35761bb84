import type { Clock } from '../util/clock.ts';
import type { ModelOrigin } from './origin.ts';
import type { SourcePlace } from './source-uri.ts';
import { authorizationFor } from './token-file.ts';

export interface OriginTools {
  readonly redirectHosts: readonly string[];
  readonly tokenFile: string | undefined;
  readonly clock: Clock;
}

/** Loads the code, and the client, of that kind of place alone. @throws ServingError SOURCE_CONFIGURATION */
export async function openOrigin(place: SourcePlace, tools: OriginTools): Promise<ModelOrigin> {
  const { redirectHosts, tokenFile, clock } = tools;
  if (place.kind === 's3') return (await import('./s3-origin.ts')).openS3(place);
  if (place.kind === 'gcs') return (await import('./gcs-origin.ts')).openGcs(place);
  if (place.kind === 'azure') return (await import('./azure-origin.ts')).openAzure(place);
  const { HttpOrigin } = await import('./http-origin.ts');
  const authorization = (origin: string) => authorizationFor(tokenFile, origin);
  return new HttpOrigin({ url: place.url, rules: { redirectHosts }, authorization, clock });
}
