import type { Readable } from 'node:stream';

/** A digest that the source itself tells of a file. */
export interface ExpectedDigest {
  /** git-blob: as git names content, the SHA-1 of its size and itself. */
  readonly algorithm: 'sha256' | 'md5' | 'git-blob';
  readonly hex: string;
}

export interface FileOpening {
  /** Bytes at the beginning that are not wanted again; 0 unless the file is `resumable`. */
  readonly offset: number;
  readonly signal: AbortSignal;
}

/** A file at its source, as it was when it was listed. */
export interface RemoteFile {
  /** As the source names it, with slashes: nothing of it is trusted. */
  readonly path: string;
  /** undefined where the source does not tell before it sends. */
  readonly sizeBytes: number | undefined;
  /** Changes with the content: an ETag, a generation, a digest. */
  readonly tag: string;
  readonly digest?: ExpectedDigest;
  readonly resumable: boolean;
  /** Exactly the content that was listed. @throws ServingError SOURCE_CHANGED when it is another by now. */
  open(opening: FileOpening): Promise<Readable>;
}

/** What a source holds at one moment. */
export interface OriginListing {
  readonly files: readonly RemoteFile[];
  /** To be given back at the next listing, also after a restart; at most a kilobyte. */
  readonly memo?: string;
  /** A version that is to take the place of another, for rollouts. */
  readonly change?: VersionChange;
}

export interface VersionChange {
  readonly model: string;
  readonly stable: string;
  readonly candidate: string;
}

/** Where models come from. Lists and opens; never writes, neither there nor here. */
export interface ModelOrigin extends Disposable {
  /**
   * @param memo of the last listing that was taken over; '' without one.
   * @throws ServingError, or anything of the client that is used.
   */
  list(signal: AbortSignal, memo: string): Promise<OriginListing>;
}

/** A source may name no more files than this. */
export const mostFiles = 10_000;
