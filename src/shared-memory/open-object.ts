import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { refuse } from './refusals.ts';

/** Where Linux keeps the objects of shm_open. */
const folder = '/dev/shm';

/** As shm_open: leading slashes do not count, and what is left is the name of one file. */
const maxNameBytes = 255;

/** What else lies in the folder and is never a client's tensor: semaphores, and what Triton keeps for its Python backend. */
const reserved = /^(?:sem\.|triton_python_backend_shm_region_)/;

export interface OpenObject {
  /** To be closed by the caller. */
  readonly fd: number;
  readonly sizeBytes: number;
}

/**
 * Opens a client's shared-memory object. Never follows a link, leaves the folder, waits for a pipe, or creates anything.
 *
 * @throws invalid_argument for a key that is no name, or names nothing that can be read, written, and is a file.
 */
export function openObject(key: string): OpenObject {
  const name = key.replace(/^\/+/, '');
  if (!isFileName(name)) throw refuse.cannotOpen(key);
  let fd: number;
  try {
    fd = openSync(`${folder}/${name}`, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    throw refuse.cannotOpen(key, cause);
  }
  const stat = fstatSync(fd);
  if (stat.isFile()) return { fd, sizeBytes: stat.size };
  closeSync(fd);
  throw refuse.cannotOpen(key);
}

function isFileName(name: string): boolean {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) return false;
  if (reserved.test(name)) return false;
  return name.isWellFormed() && Buffer.byteLength(name) <= maxNameBytes;
}
