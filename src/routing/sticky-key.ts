import { anonymous } from '../inference/principal.ts';
import type { CallContext } from '../inference/call-context.ts';
import type { InferRequest } from '../inference/request.ts';
import type { StickyKey } from '../inference/traffic-split.ts';

/** The key of the user that a request is of; undefined where it has none of those that are looked for. */
export function findKey(
  keys: readonly StickyKey[],
  request: InferRequest,
  call: CallContext,
): string | undefined {
  for (const key of keys) {
    const found = readKey(key, request, call);
    if (found !== undefined && found !== '') return found;
  }
  return undefined;
}

function readKey(key: StickyKey, request: InferRequest, call: CallContext): string | undefined {
  if (key.kind === 'header') return headerOf(call, key.name);
  if (key.kind === 'principal') {
    const { name } = call.principal;
    return name === anonymous.name ? undefined : name;
  }
  const value = request.parameters.get(key.name);
  return value === undefined ? undefined : String(value);
}

/** Requests of a stream have the headers of the call that opened it. */
export function headerOf(call: CallContext, name: string): string | undefined {
  for (let at: CallContext | undefined = call; at !== undefined; at = at.origin) {
    if (at.header !== undefined) return at.header(name);
  }
  return undefined;
}
