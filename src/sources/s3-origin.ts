import { Readable } from 'node:stream';
import type * as S3 from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { optionalPackage } from './optional-package.ts';
import {
  mostFiles,
  type FileOpening,
  type ModelOrigin,
  type OriginListing,
  type RemoteFile,
} from './origin.ts';
import { errorWord, sourceChanged, sourceRefused, sourceUnreachable } from './refusals.ts';

interface S3Options {
  /** undefined: as the environment says. */
  readonly endpoint: string | undefined;
  readonly bucket: string;
  readonly prefix: string;
}

/** Objects of a bucket below a prefix. Region, credentials and endpoint are found as all programs of Amazon's client find them. */
export async function openS3(options: S3Options): Promise<ModelOrigin> {
  const sdk = await optionalPackage('@aws-sdk/client-s3', () => import('@aws-sdk/client-s3'));
  const { endpoint } = options;
  // Stores that are not Amazon's have no region and no names of buckets in DNS.
  const own = endpoint ?? process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL'];
  const region = process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'];
  const client = new sdk.S3Client({
    maxAttempts: 3,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(own === undefined ? {} : { forcePathStyle: true, region: region ?? 'us-east-1' }),
  });
  return new S3Origin(client, sdk, options);
}

type S3Sdk = typeof S3;

class S3Origin implements ModelOrigin {
  readonly #client: S3Client;
  readonly #sdk: S3Sdk;
  readonly #options: S3Options;

  constructor(client: S3Client, sdk: S3Sdk, options: S3Options) {
    this.#client = client;
    this.#sdk = sdk;
    this.#options = options;
  }

  async list(signal: AbortSignal): Promise<OriginListing> {
    const { bucket, prefix } = this.#options;
    const below = prefix === '' ? '' : `${prefix}/`;
    const files: RemoteFile[] = [];
    let token: string | undefined;
    do {
      const command = { Bucket: bucket, Prefix: below, ContinuationToken: token };
      const page = await this.#client
        .send(new this.#sdk.ListObjectsV2Command(command), { abortSignal: signal })
        .catch((error: unknown) => {
          throw failure(error);
        });
      for (const { Key: key = '', ETag: tag = '', Size: sizeBytes = 0 } of page.Contents ?? []) {
        if (key.startsWith(below)) files.push(this.#file(key, key.slice(below.length), { tag, sizeBytes }));
      }
      token = page.NextContinuationToken;
    } while (token !== undefined && files.length <= mostFiles);
    if (files.length === 0) throw sourceRefused('there is no object below this prefix');
    return { files };
  }

  #file(key: string, path: string, { tag, sizeBytes }: { tag: string; sizeBytes: number }): RemoteFile {
    const open = async ({ offset, signal }: FileOpening): Promise<Readable> => {
      const range = offset > 0 ? { Range: `bytes=${offset}-` } : {};
      const command = { Bucket: this.#options.bucket, Key: key, IfMatch: tag, ...range };
      const { Body: body } = await this.#client
        .send(new this.#sdk.GetObjectCommand(command), { abortSignal: signal })
        .catch((error: unknown) => {
          const status = statusOf(error);
          throw status === 412 || status === 404 ? sourceChanged(path) : failure(error);
        });
      if (!(body instanceof Readable)) throw new Error('bug: an object without a stream');
      return body;
    };
    return { path, sizeBytes, tag, resumable: true, open };
  }

  [Symbol.dispose](): void {
    this.#client.destroy();
  }
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
  const { $metadata: metadata } = error;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/** By its kind and status: what the client says besides may hold headers of requests. */
function failure(error: unknown): Error {
  const status = statusOf(error);
  const kind = errorWord(error);
  if (status === 401 || status === 403)
    return sourceRefused(`the store does not let these credentials read (${kind}, ${status})`);
  if (status === 404) return sourceRefused(`the store does not have it (${kind}, 404)`);
  if (kind === 'CredentialsProviderError')
    return sourceRefused('there are no credentials for the store in the environment');
  if (error instanceof Error && error.message === 'Region is missing')
    return sourceRefused('there is no region for the store: set AWS_REGION');
  return sourceUnreachable(
    `the store cannot be read (${errorWord(error)}${status === undefined ? '' : `, ${status}`})`,
  );
}
