import type { Clock } from '../util/clock.ts';
import type { ModelOrigin } from './origin.ts';
import type { VersionTries } from './mlflow-origin.ts';
import { sourceMisconfigured } from './refusals.ts';
import { parseSourceUri, type SourcePlace } from './source-uri.ts';
import { authorizationFor } from './token-file.ts';

export interface OriginTools {
  readonly redirectHosts: readonly string[];
  readonly tokenFile: string | undefined;
  /** How new versions of a registered model are tried; undefined: each takes the place of the one before. */
  readonly tries: VersionTries | undefined;
  readonly clock: Clock;
}

/** Loads the code, and the client, of that kind of place alone. @throws ServingError SOURCE_CONFIGURATION */
export async function openOrigin(place: SourcePlace, tools: OriginTools): Promise<ModelOrigin> {
  const { redirectHosts, tokenFile, clock } = tools;
  if (place.kind === 's3') return (await import('./s3-origin.ts')).openS3(place);
  if (place.kind === 'gcs') return (await import('./gcs-origin.ts')).openGcs(place);
  if (place.kind === 'mlflow') return openMlflow(place, tools);
  if (place.kind === 'oci') return openArtifact(place, tools);
  if (place.kind === 'hugging-face') return openHub(place, tools);
  if (place.kind === 'azure') return (await import('./azure-origin.ts')).openAzure(place);
  const { HttpOrigin } = await import('./http-origin.ts');
  const authorization = (origin: string) => authorizationFor(tokenFile, origin);
  return new HttpOrigin({ url: place.url, rules: { redirectHosts }, authorization, clock });
}

type Registered = Extract<SourcePlace, { readonly kind: 'mlflow' }>;

async function openMlflow({ name, wish }: Registered, tools: OriginTools): Promise<ModelOrigin> {
  const [{ MlflowApi, mlflowFromEnvironment }, { MlflowOrigin }] = await Promise.all([
    import('./mlflow-api.ts'),
    import('./mlflow-origin.ts'),
  ]);
  const { redirectHosts, clock, tries } = tools;
  const api = new MlflowApi({ ...mlflowFromEnvironment(process.env), rules: { redirectHosts }, clock });
  const openStore = (uri: string): Promise<ModelOrigin> => {
    // A registry must not have this server ask whomever it likes.
    if (!/^(?:s3|gs):\/\//.test(uri)) {
      throw sourceMisconfigured(
        'the registry keeps artifacts where they cannot be fetched from: neither with itself nor in s3:// or gs://',
      );
    }
    return openOrigin(parseSourceUri(uri).place, tools);
  };
  return new MlflowOrigin({ api, name, wish, tries, openStore });
}

type Hub = Extract<SourcePlace, { readonly kind: 'hugging-face' }>;

async function openHub({ repository, revision, file }: Hub, tools: OriginTools): Promise<ModelOrigin> {
  const { HuggingFaceOrigin, huggingFaceEndpoint, huggingFaceToken } =
    await import('./hugging-face-origin.ts');
  const { redirectHosts, clock } = tools;
  return new HuggingFaceOrigin({
    endpoint: huggingFaceEndpoint(process.env),
    token: () => huggingFaceToken(process.env),
    repository,
    revision,
    file,
    rules: { redirectHosts },
    clock,
  });
}

type Artifact = Extract<SourcePlace, { readonly kind: 'oci' }>;

async function openArtifact(
  { registry, repository, reference }: Artifact,
  tools: OriginTools,
): Promise<ModelOrigin> {
  const { OciOrigin, registryLogin } = await import('./oci-origin.ts');
  const { redirectHosts, clock } = tools;
  const login = () => registryLogin(new URL(registry).host, process.env);
  return new OciOrigin({ registry, repository, reference, login, rules: { redirectHosts }, clock });
}
