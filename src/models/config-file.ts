import { join } from 'node:path';
import { open } from 'node:fs/promises';
import { ServingError } from '../errors.ts';
import { confinedPath } from './confined-path.ts';
import { parsePbtxt } from './pbtxt.ts';

const maxConfigBytes = 1 << 20;

export interface ConfigPlace {
  /** Real path of the repository. */
  readonly root: string;
  /** Real path of the model's folder. */
  readonly folder: string;
  readonly configName: string | undefined;
}

/**
 * The text of a model's configuration: configs/<name>.pbtxt where that was asked for and exists, else config.pbtxt.
 *
 * @returns undefined when there is neither.
 * @throws ServingError invalid_argument
 */
export async function readConfigText({ root, folder, configName }: ConfigPlace): Promise<string | undefined> {
  const chosen =
    configName === undefined
      ? undefined
      : await readText(join(folder, 'configs', `${configName}.pbtxt`), root);
  return chosen ?? readText(join(folder, 'config.pbtxt'), root);
}

async function readText(path: string, root: string): Promise<string | undefined> {
  const real = await confinedPath(path, [root], 'the configuration');
  if (real === undefined) return undefined;
  try {
    await using handle = await open(real, 'r');
    const found = await handle.stat();
    if (!found.isFile() || found.size > maxConfigBytes)
      throw refused(`the configuration is no file of at most ${maxConfigBytes} bytes`);
    return await handle.readFile('utf8');
  } catch (error) {
    if (error instanceof ServingError) throw error;
    throw refused('the configuration cannot be read', error);
  }
}

/** The name that a configuration gives its model, if it does and can be read so far. */
export function nameInConfig(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    const value = parsePbtxt(text).find(({ name }) => name === 'name')?.value;
    return value?.kind === 'string' && value.bytes.length > 0 ? value.bytes.toString() : undefined;
  } catch {
    // Loading the model tells what is wrong with it.
    return undefined;
  }
}

function refused(message: string, cause?: unknown): ServingError {
  return new ServingError('invalid_argument', message, { reason: 'MODEL_CONFIG', cause });
}
