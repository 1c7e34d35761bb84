import type { Readable } from 'node:stream';
import type { Bucket } from '@google-cloud/storage';
import { optionalPackage } from './optional-package.ts';
import {
  mostFiles,
  type FileOpening,
  type ModelOrigin,
  type OriginListing,
  type RemoteFile,
} from './origin.ts';
import { errorWord, sourceChanged, sourceRefused, sourceUnreachable } from './refusals.ts';

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
  return new GcsOrigin(storage.bucket(bucket), prefix);
}

class GcsOrigin implements ModelOrigin {
  readonly #bucket: Bucket;
  readonly #prefix: string;

  constructor(bucket: Bucket, prefix: string) {
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  async list(signal: AbortSignal): Promise<OriginListing> {
    const below = this.#prefix === '' ? '' : `${this.#prefix}/`;
    const files: RemoteFile[] = [];
    let pageToken: string | undefined;
    do {
      signal.throwIfAborted();
      const query = {
        prefix: below,
        autoPaginate: false,
        maxResults: 1000,
        ...(pageToken === undefined ? {} : { pageToken }),
      };
      const [page, next] = await this.#bucket.getFiles(query).catch((error: unknown) => {
        throw failure(error);
      });
      for (const { name, metadata } of page) {
        if (!name.startsWith(below)) continue;
        files.push(this.#file(name, name.slice(below.length), metadata));
      }
      pageToken = tokenOf(next);
    } while (pageToken !== undefined && files.length <= mostFiles);
    if (files.length === 0) throw sourceRefused('there is no object below this prefix');
    return { files };
  }

  #file(key: string, path: string, { size, generation, md5Hash }: ObjectMetadata): RemoteFile {
    const digest =
      md5Hash === undefined
        ? {}
        : { digest: { algorithm: 'md5', hex: Buffer.from(md5Hash, 'base64').toString('hex') } as const };
    const open = ({ offset, signal }: FileOpening): Promise<Readable> => {
      // A generation never changes; one that is gone is not found.
      const object = this.#bucket.file(key, generation === undefined ? {} : { generation });
      const stream = object.createReadStream({
        decompress: false,
        validation: false,
        ...(offset > 0 ? { start: offset } : {}),
      });
      return opened(stream, path, signal);
    };
    return {
      path,
      sizeBytes: Number(size ?? 0),
      tag: String(generation ?? ''),
      resumable: true,
      open,
      ...digest,
    };
  }

  [Symbol.dispose](): void {}
}

interface ObjectMetadata {
  readonly size?: string | number;
  readonly generation?: string | number;
  readonly md5Hash?: string;
}

function tokenOf(next: unknown): string | undefined {
  if (typeof next !== 'object' || next === null || !('pageToken' in next)) return undefined;
  return typeof next.pageToken === 'string' ? next.pageToken : undefined;
}

/** Resolves once the store has answered, so that what is gone is known before any byte. */
async function opened(stream: Readable, path: string, signal: AbortSignal): Promise<Readable> {
  const answered = Promise.withResolvers<void>();
  const abort = (): void => answered.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  stream.once('response', ({ statusCode }: { statusCode: number }) => {
    // Otherwise the error follows.
    if (statusCode < 400) answered.resolve();
  });
  stream.once('end', () => answered.resolve());
  stream.on('error', (error) =>
    answered.reject(statusOf(error) === 404 ? sourceChanged(path) : failure(error)),
  );
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

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const code = Number(error.code);
  return Number.isInteger(code) ? code : undefined;
}

/** By its status: what the client says besides may hold headers of requests. */
function failure(error: unknown): Error {
  const status = statusOf(error);
  if (status === 401 || status === 403)
    return sourceRefused(`the store does not let these credentials read (${status})`);
  if (status === 404) return sourceRefused('the store does not have it (404)');
  if (error instanceof Error && /default credentials/i.test(error.message)) {
    return sourceRefused('there are no credentials for the store in the environment');
  }
  return sourceUnreachable(
    `the store cannot be read (${errorWord(error)}${status === undefined ? '' : `, ${status}`})`,
  );
}
