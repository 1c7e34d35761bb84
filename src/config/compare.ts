import type { Options } from './options.ts';
import { settings, type Setting } from './settings.ts';

/** One setting that has another value than before, as it may be logged. */
export interface Change {
  /** Where it stands in the options and in the file. */
  readonly setting: string;
  readonly from: unknown;
  readonly to: unknown;
}

export interface Comparison {
  /** Take effect while the server runs. */
  readonly live: readonly Change[];
  /** Need a restart. */
  readonly restart: readonly Change[];
}

/** What differs between two complete configurations. Secrets are masked. */
export function compareOptions(before: Options, after: Options): Comparison {
  const live: Change[] = [];
  const restart: Change[] = [];
  for (const setting of settings) {
    const [from, to] = [valueAt(before, setting.path), valueAt(after, setting.path)];
    if (JSON.stringify(from) === JSON.stringify(to)) continue;
    const change = { setting: setting.path, from: shown(setting, from), to: shown(setting, to) };
    (setting.live === true ? live : restart).push(change);
  }
  return { live, restart };
}

/** The value of a setting; undefined where it is absent. */
export function valueAt(options: Options, path: string): unknown {
  let value: unknown = options;
  for (const key of path.split('.')) {
    value =
      typeof value === 'object' && value !== null
        ? Object.entries(value).find(([name]) => name === key)?.[1]
        : undefined;
  }
  return value;
}

/** Settings that hold a secret themselves, and not the name of a file that does. */
const secretFlag = /(?:password|secret|token|credentials|key)$/;
/** As in `redis://user:password@host`. */
const userInformation = /\/\/[^/@\s"]+@/g;

function shown({ flag, kind }: Pick<Setting, 'flag' | 'kind'>, value: unknown): unknown {
  if (value === undefined) return undefined;
  if (kind === 'text' && secretFlag.test(flag) && !isPath(value)) return '[masked]';
  const text = JSON.stringify(value);
  const masked = text.replaceAll(userInformation, '//[masked]@');
  return masked === text ? value : JSON.parse(masked);
}

/** `--grpc-server-key` names a file. */
function isPath(value: unknown): boolean {
  return typeof value === 'string' && /^[./]/.test(value);
}
