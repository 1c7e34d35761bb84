import { realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import { ServingError } from '../errors.ts';
import { printable } from '../util/printable.ts';

const segment = /^[\p{L}\p{N}_+@=~ -][\p{L}\p{N}_+@=~ .-]{0,254}$/u;
const mostSegments = 16;

/**
 * The parts of a relative path that a model or a client names. An allow-list: no way up, no absolute path, no backslash,
 * nothing hidden, no control characters.
 *
 * @throws ServingError invalid_argument
 */
export function pathSegments(path: string): readonly string[] {
  const parts = path.split('/');
  if (parts.length > mostSegments || !parts.every((part) => segment.test(part))) {
    throw refused(`'${printable(path)}' is not a relative path of plain names`);
  }
  return parts;
}

/** A name that a model may have: one plain segment that is not just blanks. */
export function isModelName(name: string): boolean {
  return segment.test(name) && name.trim() !== '';
}

/**
 * Follows all symbolic links.
 *
 * @param folders real paths; the target must be one of them or lie inside one.
 * @returns undefined when nothing is there.
 * @throws ServingError invalid_argument when the target lies elsewhere.
 */
export async function confinedPath(
  path: string,
  folders: readonly string[],
  shownName: string,
): Promise<string | undefined> {
  const real = await realOf(path);
  if (real === undefined || folders.some((folder) => isWithin(real, folder))) return real;
  throw refused(`'${printable(shownName)}' leads out of the folder that it must lie in`);
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}

async function realOf(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw refused('a file cannot be read', cause);
  }
}

export function isMissing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function refused(message: string, cause?: unknown): ServingError {
  return new ServingError('invalid_argument', message, { reason: 'MODEL_LOAD_FAILED', cause });
}
