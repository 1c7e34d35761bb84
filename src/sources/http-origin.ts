import { z } from 'zod';
import type { Clock } from '../util/clock.ts';
import { printable } from '../util/printable.ts';
import { httpGet, readReply, type HttpReply, type HttpRules } from './http-get.ts';
import {
  mostFiles,
  type FileOpening,
  type ModelOrigin,
  type OriginListing,
  type RemoteFile,
} from './origin.ts';
import { sourceChanged, sourceRefused, sourceUnreachable } from './refusals.ts';
import { relativeParts } from './relative-path.ts';

export interface HttpOriginOptions {
  readonly url: string;
  readonly rules: HttpRules;
  /** The header for an origin, read anew for each use; undefined without one. */
  readonly authorization: (origin: string) => string | undefined;
  readonly clock: Clock;
}

const mostIndexBytes = 4 * 1024 * 1024;

const index = z.object({
  files: z
    .array(
      z.object({
        path: z.string().min(1).max(4096),
        sha256: z.string().regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hex digits'),
        size: z.int().min(0).optional(),
      }),
    )
    .max(mostFiles),
});

/** Files of a web server: those that an index names with their digests, or a single .onnx file. */
export class HttpOrigin implements ModelOrigin {
  readonly #options: HttpOriginOptions;
  /** Of the index as it was last read. */
  #known: { readonly etag: string; readonly listing: OriginListing } | undefined = undefined;

  constructor(options: HttpOriginOptions) {
    this.#options = options;
  }

  async list(signal: AbortSignal): Promise<OriginListing> {
    const { url, clock } = this.#options;
    if (url.endsWith('.onnx')) return this.#single(signal);
    const place = url.endsWith('.json') ? url : new URL('index.json', `${url.replace(/\/+$/, '')}/`).href;
    const conditions = this.#known === undefined ? {} : { 'if-none-match': this.#known.etag };
    const reply = await this.#ask(place, conditions, signal);
    if (reply.status === 304 && this.#known !== undefined) {
      reply.body.destroy();
      return this.#known.listing;
    }
    expect(reply, 200, 'index.json, the index');
    const listing = { files: this.#files(parseIndex(await readReply(reply, mostIndexBytes, clock)), place) };
    const etag = reply.headers.etag;
    this.#known = etag === undefined ? undefined : { etag, listing };
    return listing;
  }

  #files({ files }: z.output<typeof index>, place: string): readonly RemoteFile[] {
    return files.map(({ path, sha256, size }) => {
      // A path could lead anywhere else on the host.
      const parts = relativeParts(path) ?? [];
      const url = new URL(parts.map((part) => encodeURIComponent(part)).join('/'), place).href;
      return {
        path,
        sizeBytes: size,
        tag: sha256.toLowerCase(),
        digest: { algorithm: 'sha256', hex: sha256 },
        resumable: size !== undefined,
        open: (opening) => this.#open(url, path, opening),
      };
    });
  }

  /** Without an index nobody tells a digest: the ETag tells that it is another one. */
  async #single(signal: AbortSignal): Promise<OriginListing> {
    const { url } = this.#options;
    const reply = await this.#ask(url, { range: 'bytes=0-0' }, signal);
    reply.body.destroy();
    const range = /^bytes 0-0\/(\d+)$/.exec(reply.headers['content-range'] ?? '');
    const length = range?.[1] ?? reply.headers['content-length'];
    if (reply.status !== 206) expect(reply, 200, 'the file');
    const { etag, 'last-modified': modified } = reply.headers;
    const tag = etag ?? modified;
    if (tag === undefined || length === undefined) {
      throw sourceRefused(
        'the server tells neither ETag nor Last-Modified, or no size; use an index with digests',
      );
    }
    const path = decodeURIComponent(url.slice(url.lastIndexOf('/') + 1));
    const open = async (opening: FileOpening) =>
      this.#open(url, path, opening, etag === undefined ? {} : { 'if-match': etag });
    return {
      files: [
        { path, sizeBytes: Number(length), tag, resumable: range !== null && etag !== undefined, open },
      ],
    };
  }

  async #open(
    url: string,
    path: string,
    { offset, signal }: FileOpening,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<HttpReply['body']> {
    const part = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const reply = await this.#ask(url, { ...headers, ...part }, signal);
    if (reply.status === 412 || reply.status === 416) {
      reply.body.destroy();
      throw sourceChanged(path);
    }
    if (offset > 0 && reply.status === 200) {
      // It knows no ranges: what is there already is read again.
      return skip(reply.body, offset);
    }
    expect(reply, offset > 0 ? 206 : 200, `'${printable(path, 200)}'`);
    return reply.body;
  }

  #ask(url: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpReply> {
    const { rules, authorization } = this.#options;
    return httpGet({ url, headers, authorization: authorization(new URL(url).origin), signal }, rules);
  }

  [Symbol.dispose](): void {
    this.#known = undefined;
  }
}

function skip(body: HttpReply['body'], offset: number): never {
  body.destroy();
  throw sourceUnreachable(`the server does not send parts of files, and broke off after ${offset} bytes`);
}

function parseIndex(content: Buffer): z.output<typeof index> {
  let document: unknown;
  try {
    document = JSON.parse(content.toString());
  } catch {
    throw sourceRefused('the index is not JSON');
  }
  const checked = index.safeParse(document);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw sourceRefused(printable(`the index: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`, 300));
}

/** @throws ServingError SOURCE_UNREACHABLE, with what the status means. */
function expect(reply: HttpReply, status: number, what: string): void {
  if (reply.status === status) return;
  reply.body.destroy();
  if (reply.status === 401 || reply.status === 403) {
    throw sourceRefused(
      `the server does not let anybody read ${what} without other credentials (${reply.status})`,
    );
  }
  if (reply.status === 404 || reply.status === 410)
    throw sourceRefused(`the server does not have ${what} (${reply.status})`);
  throw sourceUnreachable(`the server answers ${reply.status} for ${what}`);
}
