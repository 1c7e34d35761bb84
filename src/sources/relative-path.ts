import { printable } from '../util/printable.ts';
import { sourceRefused } from './refusals.ts';

const segment = /^[\p{L}\p{N}_+@=~ ()-][\p{L}\p{N}_+@=~ ().-]{0,254}$/u;
const mostSegments = 16;

/**
 * The parts of a path that a source names; undefined for what is hidden, and for the markers that object stores keep for folders.
 *
 * @throws ServingError SOURCE_REFUSED for a path that is not relative, leads up, or has unusual characters: an allow-list.
 */
export function relativeParts(path: string): readonly string[] | undefined {
  if (path === '' || path.endsWith('/')) return path.includes('..') ? refuse(path) : undefined;
  const parts = path.split('/');
  if (parts.length > mostSegments || parts.some((part) => part === '' || part === '.' || part === '..')) {
    return refuse(path);
  }
  if (path.includes('\\') || path.includes('\0')) return refuse(path);
  if (parts.some((part) => part.startsWith('.'))) return undefined;
  return parts.every((part) => segment.test(part)) ? parts : refuse(path);
}

function refuse(path: string): never {
  throw sourceRefused(`'${printable(path, 200)}' is not a relative path of plain names`);
}

/**
 * The folder that a marker of an object store, or a hidden file such as `.gitkeep`, shows to be there: versions of ensembles are empty.
 * undefined for all other paths. The path has passed {@link relativeParts}.
 */
export function markedFolder(path: string): readonly string[] | undefined {
  const parts = path.split('/');
  const last = parts.pop();
  if (last === undefined || !(last === '' || last.startsWith('.'))) return undefined;
  return parts.every((part) => segment.test(part)) ? parts : undefined;
}
