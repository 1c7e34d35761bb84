import type { Readable } from 'node:stream';
import type { Bucket } from '@google-cloud/storage';
import { noCredentials, ObjectStoreOrigin, type ObjectStore, type StoredObject } from './object-store.ts';
import { optionalPackage } from './optional-package.ts';
import type { FileOpening, ModelOrigin } from './origin.ts';

interface GcsOptions {
  readonly bucket: string;
  readonly prefix: string;
}

/** Objects of a bucket of Google Cloud Storage below a prefix, with Application Default Credentials. */
export async function openGcs({ bucket, prefix }: GcsOptions): Promise<ModelOrigin> {
  const { Storage } = await optionalPackage('@google-cloud/storage', () => import('@google-cloud/storage'));
  const endpoint = process.env['STORAGE_EMULATOR_HOST'];
  const storage = new Storage(endpoint === undefined ? {} : { apiEndpoint: endpoint, projectId: 'none' });
  // Clients in other languages complete the emulator's address themselves.
  if (endpoint !== undefined) storage.baseUrl = `${endpoint.replace(/\/+$/, '')}/storage/v1`;
  return new ObjectStoreOrigin(new GcsStore(storage.bucket(bucket)), prefix);
}

class GcsStore implements ObjectStore {
  readonly #bucket: Bucket;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<StoredObject> {
    let pageToken: string | undefined;
    do {
      signal.throwIfAborted();
      const from = pageToken === undefined ? {} : { pageToken };
      const query = { prefix, autoPaginate: false, maxResults: 1000, ...from };
      const [page, next] = await this.#bucket.getFiles(query);
      for (const { name: key, metadata } of page) {
        const { size = 0, generation, md5Hash: md5 } = metadata;
        yield {
          key,
          sizeBytes: Number(size),
          tag: String(generation ?? ''),
          md5,
          open: (opening) => this.#open(key, generation, opening),
        };
      }
      pageToken = tokenOf(next);
    } while (pageToken !== undefined);
  }

  #open(
    key: string,
    generation: string | number | undefined,
    { offset, signal }: FileOpening,
  ): Promise<Readable> {
    // A generation never changes; one that is gone is not found.
    const object = this.#bucket.file(key, generation === undefined ? {} : { generation });
    const stream = object.createReadStream({
      decompress: false,
      validation: false,
      ...(offset > 0 ? { start: offset } : {}),
    });
    return opened(stream, signal);
  }

  statusOf(error: unknown): number | undefined {
    if (!(error instanceof Error) || !('code' in error)) return undefined;
    const code = Number(error.code);
    return Number.isInteger(code) ? code : undefined;
  }

  hintOf(error: unknown): string | undefined {
    return error instanceof Error && /default credentials/i.test(error.message) ? noCredentials : undefined;
  }

  [Symbol.dispose](): void {}
}

function tokenOf(next: unknown): string | undefined {
  if (typeof next !== 'object' || next === null || !('pageToken' in next)) return undefined;
  return typeof next.pageToken === 'string' ? next.pageToken : undefined;
}

/** Resolves once the store has answered, so that what is gone is known before any byte. */
async function opened(stream: Readable, signal: AbortSignal): Promise<Readable> {
  const answered = Promise.withResolvers<void>();
  const abort = (): void => answered.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  stream.once('response', ({ statusCode }: { statusCode: number }) => {
    // Otherwise the error follows.
    if (statusCode < 400) answered.resolve();
  });
  stream.once('end', () => answered.resolve());
  stream.on('error', answered.reject);
  try {
    // Bytes come only once they are asked for; nothing is lost, because the stream is not flowing.
    stream.read(0);
    await answered.promise;
    return stream;
  } catch (error) {
    stream.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
