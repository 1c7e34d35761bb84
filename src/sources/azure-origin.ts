import { Readable } from 'node:stream';
import type { BlobServiceClient, ContainerClient } from '@azure/storage-blob';
import { optionalPackage } from './optional-package.ts';
import {
  mostFiles,
  type FileOpening,
  type ModelOrigin,
  type OriginListing,
  type RemoteFile,
} from './origin.ts';
import {
  errorWord,
  sourceChanged,
  sourceMisconfigured,
  sourceRefused,
  sourceUnreachable,
} from './refusals.ts';

interface AzureOptions {
  /** undefined: the one of AZURE_STORAGE_ACCOUNT. */
  readonly account: string | undefined;
  readonly container: string;
  readonly prefix: string;
}

/** Blobs of a container of Azure below a prefix. */
export async function openAzure({ account, container, prefix }: AzureOptions): Promise<ModelOrigin> {
  return new AzureOrigin((await serviceFor(account)).getContainerClient(container), prefix);
}

/** A connection string, the account's key, a SAS, else what the platform knows its programs by. */
async function serviceFor(named: string | undefined): Promise<BlobServiceClient> {
  const sdk = await optionalPackage('@azure/storage-blob', () => import('@azure/storage-blob'));
  const {
    AZURE_STORAGE_CONNECTION_STRING: connection,
    AZURE_STORAGE_KEY: key,
    AZURE_STORAGE_SAS_TOKEN: sas,
  } = process.env;
  const account = named ?? process.env['AZURE_STORAGE_ACCOUNT'];
  if (connection !== undefined && connection !== '') {
    const service = sdk.BlobServiceClient.fromConnectionString(connection);
    // It says whose it is, and must not be sent anywhere else.
    if (account === undefined || account === service.accountName) return service;
    throw sourceMisconfigured('AZURE_STORAGE_CONNECTION_STRING is of another account than the address names');
  }
  if (account === undefined || !/^[a-z0-9]{3,24}$/.test(account)) {
    throw sourceMisconfigured('az:// needs AZURE_STORAGE_ACCOUNT; as://account/container names it');
  }
  const url = `https://${account}.blob.core.windows.net`;
  if (key !== undefined && key !== '') {
    return new sdk.BlobServiceClient(url, new sdk.StorageSharedKeyCredential(account, key));
  }
  if (sas !== undefined && sas !== '') return new sdk.BlobServiceClient(`${url}?${sas.replace(/^\?/, '')}`);
  const { DefaultAzureCredential } = await optionalPackage(
    '@azure/identity',
    () => import('@azure/identity'),
  );
  return new sdk.BlobServiceClient(url, new DefaultAzureCredential());
}

class AzureOrigin implements ModelOrigin {
  readonly #container: ContainerClient;
  readonly #prefix: string;

  constructor(container: ContainerClient, prefix: string) {
    this.#container = container;
    this.#prefix = prefix;
  }

  async list(signal: AbortSignal): Promise<OriginListing> {
    const below = this.#prefix === '' ? '' : `${this.#prefix}/`;
    const files: RemoteFile[] = [];
    try {
      const blobs = this.#container.listBlobsFlat({
        abortSignal: signal,
        includeMetadata: true,
        ...(below === '' ? {} : { prefix: below }),
      });
      for await (const { name, properties, metadata } of blobs) {
        if (!name.startsWith(below)) continue;
        const { etag, contentLength: sizeBytes = 0, contentMD5: md5 } = properties;
        // Accounts with a hierarchical namespace list folders as empty blobs.
        const ending = metadata?.['hdi_isfolder'] === 'true' ? '/' : '';
        files.push(this.#file(name, `${name.slice(below.length)}${ending}`, { etag, sizeBytes, md5 }));
        if (files.length > mostFiles) break;
      }
    } catch (error) {
      throw failure(error);
    }
    if (files.length === 0) throw sourceRefused('there is no blob below this prefix');
    return { files };
  }

  #file(name: string, path: string, { etag, sizeBytes, md5 }: BlobProperties): RemoteFile {
    const digest =
      md5 === undefined
        ? {}
        : { digest: { algorithm: 'md5', hex: Buffer.from(md5).toString('hex') } as const };
    const open = async ({ offset, signal }: FileOpening): Promise<Readable> => {
      try {
        const reply = await this.#container.getBlobClient(name).download(offset, undefined, {
          abortSignal: signal,
          conditions: { ifMatch: etag },
          maxRetryRequests: 0,
        });
        const { readableStreamBody: body } = reply;
        if (!(body instanceof Readable)) throw new Error('bug: a blob without a stream');
        return body;
      } catch (error) {
        const status = statusOf(error);
        throw status === 412 || status === 404 ? sourceChanged(path) : failure(error);
      }
    };
    return { path, sizeBytes, tag: etag, resumable: true, open, ...digest };
  }

  [Symbol.dispose](): void {}
}

interface BlobProperties {
  readonly etag: string;
  readonly sizeBytes: number;
  readonly md5: Uint8Array | undefined;
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}

/** By its status: what the client says besides may hold headers of requests. */
function failure(error: unknown): Error {
  const status = statusOf(error);
  if (status === 401 || status === 403)
    return sourceRefused(`the store does not let these credentials read (${status})`);
  if (status === 404) return sourceRefused('the store does not have it (404)');
  if (error instanceof Error && /CredentialUnavailableError|AggregateAuthenticationError/.test(error.name)) {
    return sourceRefused('there are no credentials for the store in the environment');
  }
  return sourceUnreachable(
    `the store cannot be read (${errorWord(error)}${status === undefined ? '' : `, ${status}`})`,
  );
}
