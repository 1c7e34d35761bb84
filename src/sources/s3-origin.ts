import type * as S3 from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { noCredentials, ObjectStoreOrigin, type ObjectStore, type StoredObject } from './object-store.ts';
import { optionalPackage } from './optional-package.ts';
import type { FileOpening, ModelOrigin } from './origin.ts';

interface S3Options {
  /** undefined: as the environment says. */
  readonly endpoint: string | undefined;
  readonly bucket: string;
  readonly prefix: string;
}

/** Objects of a bucket below a prefix. Region, credentials and endpoint are found as all programs of Amazon's client find them. */
export async function openS3({ endpoint, bucket, prefix }: S3Options): Promise<ModelOrigin> {
  const sdk = await optionalPackage('@aws-sdk/client-s3', () => import('@aws-sdk/client-s3'));
  // Stores that are not Amazon's have no region and no names of buckets in DNS.
  const own = endpoint ?? process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL'];
  const region = process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'];
  const client = new sdk.S3Client({
    maxAttempts: 3,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(own === undefined ? {} : { forcePathStyle: true, region: region ?? 'us-east-1' }),
  });
  return new ObjectStoreOrigin(new S3Store(client, sdk, bucket), prefix);
}

class S3Store implements ObjectStore {
  readonly #client: S3Client;
  readonly #sdk: typeof S3;
  readonly #bucket: string;

  constructor(client: S3Client, sdk: typeof S3, bucket: string) {
    this.#client = client;
    this.#sdk = sdk;
    this.#bucket = bucket;
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
    let token: string | undefined;
    do {
      const command = { Bucket: this.#bucket, Prefix: prefix, ContinuationToken: token };
      const page = await this.#client.send(new this.#sdk.ListObjectsV2Command(command), {
        abortSignal: signal,
      });
      for (const { Key: key = '', ETag: tag = '', Size: sizeBytes = 0 } of page.Contents ?? []) {
        yield { key, tag, sizeBytes, open: (opening) => this.#open(key, tag, opening) };
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  async #open(key: string, tag: string, { offset, signal }: FileOpening): Promise<unknown> {
    const range = offset > 0 ? { Range: `bytes=${offset}-` } : {};
    const command = { Bucket: this.#bucket, Key: key, IfMatch: tag, ...range };
    const { Body: body } = await this.#client.send(new this.#sdk.GetObjectCommand(command), {
      abortSignal: signal,
    });
    return body;
  }

  statusOf(error: unknown): number | undefined {
    if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
    const { $metadata: metadata } = error;
    if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata))
      return undefined;
    return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
  }

  hintOf(error: unknown): string | undefined {
    if (!(error instanceof Error)) return undefined;
    if (error.name === 'CredentialsProviderError') return noCredentials;
    if (error.message === 'Region is missing') return 'there is no region for the store: set AWS_REGION';
    return undefined;
  }

  [Symbol.dispose](): void {
    this.#client.destroy();
  }
}
