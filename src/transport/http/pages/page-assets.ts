import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { reads, type Endpoint, type HttpCall } from '../http-call.ts';
import { emptyReply, type HttpReply } from '../reply.ts';

const compressed = promisify(gzip);

/** Shorter files gain nothing. */
const compressFromBytes = 1024;

/**
 * What a page may do: load what this server gives, and ask this server. Nothing inline, nothing from elsewhere, in no frame.
 * `data:` pictures are the library's icons.
 */
const securityHeaders: readonly string[] = [
  'Content-Security-Policy',
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options',
  'nosniff',
  'Referrer-Policy',
  'no-referrer',
  'Cache-Control',
  'no-cache',
];

interface Asset {
  readonly bytes: Buffer;
  /** undefined for what is sent as it is. */
  readonly gzipped: Buffer | undefined;
  readonly tag: string;
}

/** A file that browsers read; open to everybody, as it tells nothing about the server. */
export class PageAsset {
  readonly #file: string;
  readonly #contentType: string;
  #loaded: Promise<Asset> | undefined = undefined;

  /** @param file of our own, below `assets`, or of the library. */
  constructor(file: string, contentType: string) {
    this.#file = file;
    this.#contentType = contentType;
  }

  get endpoint(): Endpoint {
    return reads('none', (call) => this.reply(call));
  }

  /** Read once: all replies share its bytes. */
  async reply(call: HttpCall): Promise<HttpReply> {
    this.#loaded ??= load(this.#file);
    const { bytes, gzipped, tag } = await this.#loaded;
    const headers = [...securityHeaders, 'ETag', tag, 'Vary', 'Accept-Encoding'];
    if (call.header('if-none-match') === tag) return emptyReply(304, headers);
    const zipped =
      gzipped !== undefined &&
      /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(call.header('accept-encoding') ?? '');
    return {
      status: 200,
      contentType: this.#contentType,
      headers: zipped ? [...headers, 'Content-Encoding', 'gzip'] : headers,
      pieces: [zipped ? gzipped : bytes],
      compressible: false,
    };
  }
}

async function load(file: string): Promise<Asset> {
  const bytes = await readAsset(file);
  const digest = createHash('sha256').update(bytes).digest('base64url').slice(0, 22);
  const gzipped = bytes.length < compressFromBytes ? undefined : await compressed(bytes);
  return { bytes, gzipped, tag: `"${digest}"` };
}

const own = join(import.meta.dirname, 'assets');

/** The library lies beside our own files in the package, and among the packages in a checkout. */
async function readAsset(file: string): Promise<Buffer> {
  try {
    return await readFile(join(own, file));
  } catch (error) {
    if (!file.startsWith('swagger-ui')) throw error;
    return readFile(new URL(import.meta.resolve(`swagger-ui-dist/${file}`)));
  }
}
