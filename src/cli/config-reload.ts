import { statSync } from 'node:fs';
import { compareOptions } from '../config/compare.ts';
import type { Effective, Refused } from '../config/load.ts';
import type { Options } from '../config/options.ts';
import type { Logger } from '../inference/logger.ts';
import type { Clock } from '../util/clock.ts';

/** How often the file is looked at; a change is taken once two looks have seen the same, so that no half-written file is. */
const lookEveryMs = 1000;

/** How readings of the configuration ended, since the start. */
export interface ConfigReloadCounts {
  success: number;
  failure: number;
}

export interface ConfigReloadOptions {
  /** In force. */
  readonly options: Options;
  /** Reads flags, environment and file anew. */
  readonly load: () => Effective | Refused;
  /** Path of the file; undefined when there is none. */
  readonly file: string | undefined;
  /** Must not fail: what it gets is complete and checked. */
  readonly apply: (options: Options) => void;
  /** Counted up; of whoever tells metrics. */
  readonly counts?: ConfigReloadCounts | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Reads the configuration again when it is asked to and when the file has changed. Whatever is wrong with it leaves everything as
 * it was. Disposing ends the watch.
 */
export class ConfigReload implements Disposable {
  readonly #given: ConfigReloadOptions;
  /** Last read. Settings that need a restart are still those of `#given`. */
  #options: Options;
  /** Of the file as it was last read, and as it was last looked at. */
  #taken: string;
  #seen: string;
  #timer: Disposable | undefined = undefined;

  constructor(given: ConfigReloadOptions) {
    this.#given = given;
    this.#options = given.options;
    this.#taken = stampOf(given.file);
    this.#seen = this.#taken;
    if (given.file !== undefined) this.#lookLater();
  }

  /** @param cause for the log. */
  reload(cause: 'signal' | 'file'): void {
    const { load, apply, logger, file, counts } = this.#given;
    this.#taken = stampOf(file);
    const result = load();
    if (counts !== undefined) counts[result.kind === 'refused' ? 'failure' : 'success'] += 1;
    if (result.kind === 'refused') {
      logger.error(
        { cause, problems: result.problems },
        'configuration not read again, the earlier one stays',
      );
      return;
    }
    const { live } = compareOptions(this.#options, result.options);
    const { restart } = compareOptions(this.#given.options, result.options);
    if (live.length > 0) apply(result.options);
    this.#options = result.options;
    logger.info({ cause, changes: live }, 'configuration read again');
    if (restart.length > 0) logger.warn({ changes: restart }, 'these settings need a restart');
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }

  #lookLater(): void {
    this.#timer = this.#given.clock.after(lookEveryMs, () => {
      const now = stampOf(this.#given.file);
      if (now === this.#seen && now !== this.#taken) this.reload('file');
      this.#seen = now;
      this.#lookLater();
    });
  }
}

/** Changes when the file does; also when a link is set to another one, as Kubernetes does. */
function stampOf(file: string | undefined): string {
  if (file === undefined) return '';
  try {
    const { ino, mtimeNs, size } = statSync(file, { bigint: true });
    return `${ino}:${mtimeNs}:${size}`;
  } catch {
    return '';
  }
}
