import { createHmac, createSecretKey, subtle, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ServingError } from '../../errors.ts';

/** Shorter secrets can be guessed; `openssl rand -hex 32` makes a good one. */
const minKeyLength = 32;

/** 128 bits: no two values share one by accident. */
const shownBytes = 16;

/** Above it hashing goes to the thread pool, which costs some tens of microseconds by itself. */
const inlineBytes = 16_384;

/** @throws ServingError failed_precondition that never shows the key. */
export function readKey(path: string): Buffer {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new ServingError('failed_precondition', `cannot read the key of the prediction log, ${path}`, {
      cause,
    });
  }
  if (text.length < minKeyLength) {
    const problem = `needs at least ${minKeyLength} characters; openssl rand -hex 32 makes them`;
    throw new ServingError('failed_precondition', `the key of the prediction log, ${path}, ${problem}`);
  }
  return Buffer.from(text);
}

/**
 * The lasting pseudonym of whom a prediction is about: equal in all models, periods and servers with the same key, so
 * that all records of a subject can be found by its name.
 */
export function subjectPseudonym(key: Uint8Array, subject: string): string {
  return shown(createHmac('sha256', key).update('subject\0').update(subject).digest());
}

/** Keyed hashes whose salt changes: derived from the key and the period, so that servers with the same key agree. */
export class Pseudonyms {
  readonly #key: Uint8Array;
  readonly #periodMs: number;
  #period = -1;
  #salt: KeyObject | undefined = undefined;

  constructor(key: Uint8Array, periodMs: number) {
    this.#key = key;
    this.#periodMs = periodMs;
  }

  subject(name: string): string {
    return subjectPseudonym(this.#key, name);
  }

  /** @param domain what the value is of: equal values of two domains have different hashes. */
  hash(epochMs: number, domain: string, value: string): string {
    const salt = this.#saltAt(epochMs);
    return shown(createHmac('sha256', salt).update(domain).update('\0').update(value).digest());
  }

  /** As `hash`, of bytes that may be many: then on the thread pool. */
  async hashBytes(epochMs: number, parts: readonly Uint8Array[]): Promise<string> {
    const salt = this.#saltAt(epochMs);
    let sizeBytes = 0;
    for (const part of parts) sizeBytes += part.length;
    if (sizeBytes > inlineBytes) {
      const key = salt.toCryptoKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
      return shown(Buffer.from(await subtle.sign('HMAC', key, Buffer.concat(parts, sizeBytes))));
    }
    const hmac = createHmac('sha256', salt);
    for (const part of parts) hmac.update(part);
    return shown(hmac.digest());
  }

  #saltAt(epochMs: number): KeyObject {
    const period = Math.floor(epochMs / this.#periodMs);
    if (this.#salt === undefined || period !== this.#period) {
      const salt = createHmac('sha256', this.#key).update(`salt\0${period}`).digest();
      this.#salt = createSecretKey(salt);
      this.#period = period;
    }
    return this.#salt;
  }
}

function shown(digest: Buffer): string {
  return digest.subarray(0, shownBytes).toString('base64url');
}
