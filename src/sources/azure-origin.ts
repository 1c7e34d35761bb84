import type { BlobServiceClient, ContainerClient } from '@azure/storage-blob';
import { noCredentials, ObjectStoreOrigin, type ObjectStore, type StoredObject } from './object-store.ts';
import { optionalPackage } from './optional-package.ts';
import type { FileOpening, ModelOrigin } from './origin.ts';
import { sourceMisconfigured } from './refusals.ts';

interface AzureOptions {
  /** undefined: the one of AZURE_STORAGE_ACCOUNT. */
  readonly account: string | undefined;
  readonly container: string;
  readonly prefix: string;
}

/** Blobs of a container of Azure below a prefix. */
export async function openAzure({ account, container, prefix }: AzureOptions): Promise<ModelOrigin> {
  const service = await serviceFor(account);
  return new ObjectStoreOrigin(new AzureStore(service.getContainerClient(container)), prefix);
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

class AzureStore implements ObjectStore {
  readonly #container: ContainerClient;

  constructor(container: ContainerClient) {
    this.#container = container;
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
    const blobs = this.#container.listBlobsFlat({
      abortSignal: signal,
      includeMetadata: true,
      ...(prefix === '' ? {} : { prefix }),
    });
    for await (const { name: key, properties, metadata } of blobs) {
      const { etag: tag, contentLength: sizeBytes = 0, contentMD5: md5 } = properties;
      // Accounts with a hierarchical namespace list folders as empty blobs.
      const isFolder = metadata?.['hdi_isfolder'] === 'true';
      yield { key, tag, sizeBytes, md5, isFolder, open: (opening) => this.#open(key, tag, opening) };
    }
  }

  async #open(key: string, tag: string, { offset, signal }: FileOpening): Promise<unknown> {
    const reply = await this.#container.getBlobClient(key).download(offset, undefined, {
      abortSignal: signal,
      conditions: { ifMatch: tag },
      maxRetryRequests: 0,
    });
    return reply.readableStreamBody;
  }

  statusOf(error: unknown): number | undefined {
    if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
    return typeof error.statusCode === 'number' ? error.statusCode : undefined;
  }

  hintOf(error: unknown): string | undefined {
    if (!(error instanceof Error)) return undefined;
    return /CredentialUnavailableError|AggregateAuthenticationError/.test(error.name)
      ? noCredentials
      : undefined;
  }

  [Symbol.dispose](): void {}
}
