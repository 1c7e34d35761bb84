import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FileOpening, ModelOrigin, OriginListing, RemoteFile } from '../../src/sources/origin.ts';

/** A remote file of this text; `sends` replaces what its source sends. */
export function remoteFile(
  path: string,
  text = path,
  more: Partial<RemoteFile> & { readonly sends?: (opening: FileOpening) => Readable } = {},
): RemoteFile {
  const { sends = ({ offset }) => Readable.from([Buffer.from(text.slice(offset))]), ...rest } = more;
  return {
    path,
    sizeBytes: Buffer.byteLength(text),
    tag: createHash('md5').update(text).digest('hex'),
    resumable: true,
    open: (opening) => Promise.resolve(sends(opening)),
    ...rest,
  };
}

/** A source that holds what the test puts there, and fails when it is told to. */
export class PuppetOrigin implements ModelOrigin {
  files: readonly RemoteFile[] = [];
  more: Omit<OriginListing, 'files'> = {};
  failure: Error | undefined = undefined;
  looks = 0;
  readonly memos: string[] = [];

  list(_signal: AbortSignal, memo: string): Promise<OriginListing> {
    this.looks++;
    this.memos.push(memo);
    return this.failure === undefined
      ? Promise.resolve({ files: this.files, ...this.more })
      : Promise.reject(this.failure);
  }

  [Symbol.dispose](): void {}
}
