import { readFileSync, statSync } from 'node:fs';
import { ServingError } from '../errors.ts';
import type { Logger } from '../inference/logger.ts';
import type { Clock } from '../util/clock.ts';
import { cipherKey, type CipherKey } from './value-cipher.ts';

const lookEveryMs = 5000;

/** So that a file that is no list of keys is not read for long. */
const mostKeys = 100;

const keyLine = /^[0-9a-fA-F]{64}$/;

/** The keys of a file, which is read again when it changes: the first one seals, all of them open. */
export class CipherKeys implements Disposable {
  /** At least one. */
  keys: readonly [CipherKey, ...CipherKey[]];
  readonly #file: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #stamp: string;
  #timer: Disposable;

  /** @throws ServingError failed_precondition when there is no such file or it holds no keys. */
  constructor(file: string, { clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#file = file;
    this.#clock = clock;
    this.#logger = logger;
    this.#stamp = stampOf(file);
    this.keys = readKeys(file);
    this.#timer = this.#lookLater();
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }

  #lookLater(): Disposable {
    return this.#clock.after(lookEveryMs, () => this.#look());
  }

  #look(): void {
    this.#timer = this.#lookLater();
    try {
      const stamp = stampOf(this.#file);
      if (stamp === this.#stamp) return;
      // Once, also when it cannot be used: the next look should not say the same again.
      this.#stamp = stamp;
      this.keys = readKeys(this.#file);
      this.#logger.info(
        { keys: this.keys.length },
        'the encryption keys of the shared cache were read again',
      );
    } catch (error) {
      if (this.#stamp === '') return;
      const problem = error instanceof Error ? error.message : String(error);
      this.#logger.error({ problem }, 'the encryption keys of the shared cache stay as they were');
      if (problem.includes('cannot be read')) this.#stamp = '';
    }
  }
}

function stampOf(file: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(file);
    return `${ino}:${size}:${mtimeMs}`;
  } catch (error) {
    throw unusable(file, 'cannot be read', error);
  }
}

function readKeys(file: string): readonly [CipherKey, ...CipherKey[]] {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    throw unusable(file, 'cannot be read', error);
  }
  const lines = content.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const bad = lines.findIndex((line) => !keyLine.test(line.trim()));
  if (bad >= 0) throw unusable(file, `has a key, the ${bad + 1}th, that is not 64 hexadecimal digits`);
  if (lines.length > mostKeys) throw unusable(file, `has more than ${mostKeys} keys`);
  const [first, ...others] = lines.map((line) => cipherKey(Buffer.from(line.trim(), 'hex')));
  if (first === undefined) throw unusable(file, 'has no keys');
  return [first, ...others];
}

/** Never shows a key. */
function unusable(file: string, problem: string, cause?: unknown): ServingError {
  return new ServingError('failed_precondition', `cache.redis.encryptionKeysFile: ${file} ${problem}`, {
    cause,
  });
}
