import type { ModelCatalog } from '../../inference/catalog.ts';
import type { ServerSettings, TraceSettings } from '../../inference/server-settings.ts';
import {
  checkTraceSetting,
  requireLeave,
  requireTraced,
  setLogSetting,
  type LogChange,
} from '../../inference/settings-change.ts';
import type { Endpoint, Handler } from './http-call.ts';
import type { JsonObject, JsonValue } from './json-reader.ts';
import { refuse } from './refuse.ts';
import { jsonReply } from './reply.ts';
import { bodyObject } from './repository.ts';

/** Trace and log settings. Everybody may read; changing needs the operator's leave and the scope `admin`. */
export function createSettingsEndpoints(
  settings: ServerSettings,
  catalog: ModelCatalog,
): readonly (readonly [string, Endpoint])[] {
  const trace: Handler = async ({ path: { model }, context, body }) => {
    requireTraced(catalog, model);
    const change = readTraceChange(bodyObject(body));
    if (change.size > 0) {
      requireLeave(settings, context.principal);
      await settings.changeTrace(model, change);
    }
    return jsonReply(traceJson(settings.trace(model)));
  };
  const logging: Handler = async ({ context, body }) => {
    const change: LogChange = {};
    for (const [name, value] of bodyObject(body)) setLogSetting(change, name, value);
    if (Object.keys(change).length > 0) {
      requireLeave(settings, context.principal);
      await settings.changeLog(change);
    }
    return jsonReply(settings.log());
  };
  return [
    ['trace/setting', { scope: 'infer', get: trace, post: trace }],
    ['models/{model}/trace/setting', { scope: 'infer', get: trace, post: trace }],
    ['logging', { scope: 'infer', get: logging, post: logging }],
  ];
}

/** null clears a setting. */
function readTraceChange(body: JsonObject): ReadonlyMap<string, readonly string[] | undefined> {
  const change = new Map<string, readonly string[] | undefined>();
  for (const [name, value] of body) {
    const values = value === null ? [] : traceValues(name, value);
    checkTraceSetting(name, values);
    change.set(name, value === null ? undefined : values);
  }
  return change;
}

function traceValues(name: string, value: JsonValue): readonly string[] {
  const values: readonly JsonValue[] = Array.isArray(value) ? value : [value];
  return values.map((item) => {
    if (typeof item === 'string') return item;
    if (typeof item === 'number') return String(item);
    throw refuse.field(name, 'a string, an array of strings, or null');
  });
}

/** Only the levels are a list. */
function traceJson(settings: TraceSettings): object {
  return Object.fromEntries(
    Array.from(settings, ([name, values]) => [name, name === 'trace_level' ? values : (values[0] ?? '')]),
  );
}
