import type { IncomingMessage } from 'node:http';
import { ServingError } from '../../errors.ts';
import { printable } from '../../util/printable.ts';
import type { Principal } from '../../inference/principal.ts';
import type { ConsoleSources } from './console-sources.ts';

/** A name of a model, and little more. */
const maxBodyBytes = 8192;

export const actionNames = ['load', 'unload', 'purge', 'drain'] as const;

export type ActionName = (typeof actionNames)[number];

/** Does what the page's buttons ask for. Resolves when it is done, a drain when it has begun. */
export async function act(
  name: ActionName,
  request: IncomingMessage,
  principal: Principal,
  sources: ConsoleSources,
): Promise<void> {
  const { model, dependents } = checkBody(await readBody(request));
  const peer = request.socket.remoteAddress;
  sources.logger.info({ model: printable(model), principal: principal.name, peer }, `console: ${name}`);
  if (name === 'drain') return sources.drain();
  if (name === 'purge') {
    requireModel(sources.catalog, model);
    await sources.purge(model);
    return;
  }
  if (model === '') throw wrongBody('model must not be empty');
  // Loading takes as long as it takes; the listener would cut a silent connection off.
  request.socket.setTimeout(0);
  if (name === 'load') return sources.control.load(model, { config: undefined, files: new Map() });
  return sources.control.unload(model, dependents);
}

/** '' stands for all. */
function requireModel(catalog: ConsoleSources['catalog'], model: string): void {
  if (model === '' || catalog.index(false).some(({ name }) => name === model)) return;
  throw new ServingError('not_found', `Request for unknown model: '${printable(model)}' is not found`, {
    reason: 'MODEL_NOT_FOUND',
  });
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const part of request) {
    if (!Buffer.isBuffer(part)) throw new Error('bug: the body is read as text');
    sizeBytes += part.length;
    if (sizeBytes > maxBodyBytes) throw wrongBody(`the body must be at most ${maxBodyBytes} bytes`);
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString());
  } catch {
    throw wrongBody('the body must be JSON');
  }
}

function checkBody(body: unknown): { readonly model: string; readonly dependents: boolean } {
  const fields = new Map<string, unknown>(
    typeof body === 'object' && body !== null ? Object.entries(body) : [],
  );
  const model = fields.get('model') ?? '';
  const dependents = fields.get('dependents') ?? false;
  if (typeof model !== 'string') throw wrongBody('model must be a text');
  if (typeof dependents !== 'boolean') throw wrongBody('dependents must be true or false');
  return { model, dependents };
}

function wrongBody(message: string): ServingError {
  return new ServingError('invalid_argument', message, { reason: 'CONSOLE_BODY' });
}
