import { pathToFileURL } from 'node:url';

/** What an operator's module exports, by name. The one import whose file nobody knows before: it runs in a process of its own. */
export async function importModule(path: string): Promise<ReadonlyMap<string, unknown>> {
  const module: object = await import(pathToFileURL(path).href);
  return new Map(Object.entries(module));
}
