import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder, with those on its way, unless it is there. Node's own `recursive` never returns where the system refuses a folder with
 * ENOENT although its parent exists, as below /proc.
 *
 * @param mode of what is made; what the system gives by default.
 * @throws what mkdir throws.
 */
export function makeFolder(path: string, mode = 0o777): void {
  if (isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent, mode);
  mkdirSync(path, { mode });
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
