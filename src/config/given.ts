/** A value that somebody set, not yet checked, and where it was found. */
export interface Given {
  /** Path of the setting, for example `grpc.port`. */
  readonly path: string;
  readonly value: unknown;
  /** As shown in errors: `--grpc-port`, `TENSORGATE_GRPC_PORT` or `server.yaml:3`. */
  readonly origin: string;
}

/** What one source said. Problems refuse the start, notices are only worth a line in the log. */
export interface Reading {
  readonly given: readonly Given[];
  readonly problems: readonly string[];
  readonly notices: readonly string[];
}

/** Triton's words for a boolean; anything else is returned as it is, for the check to refuse. */
export function toggleValue(text: string): unknown {
  const word = text.toLowerCase();
  if (word === 'true' || word === '1') return true;
  if (word === 'false' || word === '0') return false;
  return text;
}

/** A decimal integer; anything else is returned as it is, for the check to refuse. */
export function integerValue(text: string): unknown {
  return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}

/** Words between commas; none for `none`. */
export function wordsValue(text: string): readonly string[] {
  return text === 'none' ? [] : text.split(',').map((word) => word.trim());
}
