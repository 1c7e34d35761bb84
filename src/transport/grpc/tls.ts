import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { ServingError } from '../../errors.ts';
import type { Logger } from '../../inference/logger.ts';
import type { Clock } from '../../util/clock.ts';
import type { TlsFiles } from './method.ts';

/** How often the files are read again. Certificates are replaced days before they expire, by tools that poll as well. */
export const tlsReloadMs = 10_000;

/** Certificates from files, kept up to date. */
export interface TlsSource extends Disposable {
  /** The newest contents that were valid together. */
  readonly context: SecureContextOptions;
  /** Whether clients must show a certificate. */
  readonly mutual: boolean;
  /** Calls `listener` with each later set of contents. One listener. */
  onReload(listener: (context: SecureContextOptions) => void): void;
}

/**
 * Reads the files, and again every `tlsReloadMs`. Contents that do not fit together (a key written before its
 * certificate) are logged and skipped; the last good ones stay in use.
 *
 * @throws failed_precondition when the files cannot be used at start.
 */
export async function openTlsSource(files: TlsFiles, clock: Clock, logger: Logger): Promise<TlsSource> {
  let context = await readContext(files);
  let listener: ((context: SecureContextOptions) => void) | undefined;
  let disposed = false;
  const schedule = (): Disposable => clock.after(tlsReloadMs, () => void reload());
  let timer = schedule();
  async function reload(): Promise<void> {
    try {
      const read = await readContext(files);
      if (!disposed && !sameContext(read, context)) {
        context = read;
        listener?.(read);
        logger.info({}, 'TLS certificates were reloaded');
      }
    } catch (error) {
      logger.warn({ error }, 'TLS certificates could not be reloaded; the earlier ones stay in use');
    }
    if (!disposed) timer = schedule();
  }
  return {
    get context() {
      return context;
    },
    mutual: files.clientCa !== undefined,
    onReload(next) {
      listener = next;
    },
    [Symbol.dispose]() {
      disposed = true;
      timer[Symbol.dispose]();
    },
  };
}

async function readContext({ cert, key, clientCa }: TlsFiles): Promise<SecureContextOptions> {
  try {
    const context: SecureContextOptions = {
      cert: await readCertificate(cert),
      key: await readFile(key, 'utf8'),
      ...(clientCa === undefined ? undefined : { ca: await readCertificate(clientCa) }),
      minVersion: 'TLSv1.2',
    };
    if (context.key === '') throw new Error('the file of the private key is empty');
    createSecureContext(context);
    return context;
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new ServingError('failed_precondition', `TLS files cannot be used: ${text}`, {
      reason: 'TLS_FILES_INVALID',
      cause,
    });
  }
}

/**
 * A file that is just being written is empty, and to OpenSSL that is no certificate at all: no client could connect any
 * more, and an empty list of authorities would mean those that the whole web trusts.
 */
async function readCertificate(path: string): Promise<string> {
  const text = await readFile(path, 'utf8');
  // Throws when the first certificate is missing or broken.
  void new X509Certificate(text);
  return text;
}

function sameContext(one: SecureContextOptions, other: SecureContextOptions): boolean {
  return one.cert === other.cert && one.key === other.key && one.ca === other.ca;
}
