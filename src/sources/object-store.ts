import { Readable } from 'node:stream';
import {
  mostFiles,
  type ExpectedDigest,
  type FileOpening,
  type ModelOrigin,
  type OriginListing,
  type RemoteFile,
} from './origin.ts';
import { errorWord, sourceChanged, sourceRefused, sourceUnreachable } from './refusals.ts';

/** An object as a listing tells of it. */
export interface StoredObject {
  readonly key: string;
  readonly sizeBytes: number;
  /** Changes with the content. */
  readonly tag: string;
  /** Of the content, base64 or bytes, where the store tells it. */
  readonly md5?: string | Uint8Array | undefined;
  /** It stands for a folder, and its key does not end with a slash. */
  readonly isFolder?: boolean;
  /** A stream of exactly the content that was listed, from an offset on. */
  open(opening: FileOpening): Promise<unknown>;
}

/** What is particular to one kind of store. Its methods fail with whatever its client throws. */
export interface ObjectStore extends Disposable {
  /** All objects whose keys begin so, in pages as they are asked for. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<StoredObject>;
  /** The HTTP status that an error of the client is about. */
  statusOf(error: unknown): number | undefined;
  /** What the operator can do about an error that came before anything was asked; undefined for all others. */
  hintOf(error: unknown): string | undefined;
}

/** Objects of a store below a prefix. */
export class ObjectStoreOrigin implements ModelOrigin {
  readonly #store: ObjectStore;
  readonly #below: string;

  /** @param store is owned from here on. */
  constructor(store: ObjectStore, prefix: string) {
    this.#store = store;
    this.#below = prefix === '' ? '' : `${prefix}/`;
  }

  async list(signal: AbortSignal): Promise<OriginListing> {
    const files: RemoteFile[] = [];
    try {
      for await (const object of this.#store.list(this.#below, signal)) {
        if (object.key.startsWith(this.#below)) files.push(this.#fileOf(object));
        if (files.length > mostFiles) break;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw this.#failure(error);
    }
    if (files.length === 0) throw sourceRefused('there is no object below this prefix');
    return { files };
  }

  #fileOf(object: StoredObject): RemoteFile {
    const { key, sizeBytes, tag, isFolder = false } = object;
    const path = `${key.slice(this.#below.length)}${isFolder ? '/' : ''}`;
    const open = async (opening: FileOpening): Promise<Readable> => {
      const body = await object.open(opening).catch((error: unknown) => {
        opening.signal.throwIfAborted();
        const status = this.#store.statusOf(error);
        throw status === 412 || status === 404 ? sourceChanged(path) : this.#failure(error);
      });
      if (!(body instanceof Readable)) throw new Error('bug: an object without a stream');
      return body;
    };
    return { path, sizeBytes, tag, resumable: true, open, ...digestOf(object) };
  }

  /** By its kind and status: what the client says besides may hold headers of requests. */
  #failure(error: unknown): Error {
    const hint = this.#store.hintOf(error);
    if (hint !== undefined) return sourceRefused(hint);
    const status = this.#store.statusOf(error);
    const what = status === undefined ? errorWord(error) : `${errorWord(error)}, ${status}`;
    if (status === 401 || status === 403)
      return sourceRefused(`the store does not let these credentials read (${what})`);
    if (status === 404) return sourceRefused(`the store does not have it (${what})`);
    return sourceUnreachable(`the store cannot be read (${what})`);
  }

  [Symbol.dispose](): void {
    this.#store[Symbol.dispose]();
  }
}

function digestOf({ md5 }: StoredObject): { readonly digest?: ExpectedDigest } {
  if (md5 === undefined) return {};
  const bytes = typeof md5 === 'string' ? Buffer.from(md5, 'base64') : Buffer.from(md5);
  return { digest: { algorithm: 'md5', hex: bytes.toString('hex') } };
}

/** For whoever finds no credentials to ask with. */
export const noCredentials = 'there are no credentials for the store in the environment';
