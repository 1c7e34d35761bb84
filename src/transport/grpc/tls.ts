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
      cert: await readFile(cert, 'utf8'),
      key: await readFile(key, 'utf8'),
      ...(clientCa === undefined ? undefined : { ca: await readFile(clientCa, 'utf8') }),
      minVersion: 'TLSv1.2',
    };
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

function sameContext(one: SecureContextOptions, other: SecureContextOptions): boolean {
  return one.cert === other.cert && one.key === other.key && one.ca === other.ca;
}
