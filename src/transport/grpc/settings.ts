import type { ModelCatalog } from '../../inference/catalog.ts';
import type { LogSettings, ServerSettings, TraceSettings } from '../../inference/server-settings.ts';
import {
  checkTraceSetting,
  requireLeave,
  requireTraced,
  setLogSetting,
  type LogChange,
} from '../../inference/settings-change.ts';
import type { GrpcMethod } from './method.ts';
import type { Message } from './proto.ts';
import { field, mapEntries, protocolMethod } from './protocol-method.ts';

/** TraceSetting and LogSettings. Everybody may read; changing needs the operator's leave and the scope `admin`. */
export function createSettingsRpcs(settings: ServerSettings, catalog: ModelCatalog): readonly GrpcMethod[] {
  return [
    protocolMethod('TraceSetting', 'infer', async (request, call) => {
      const model = field(request, 'model_name');
      requireTraced(catalog, model);
      const change = readTraceChange(request);
      if (change.size > 0) {
        requireLeave(settings, call.context.principal);
        await settings.changeTrace(model, change);
      }
      return { settings: traceMessage(settings.trace(model)) };
    }),
    protocolMethod('LogSettings', 'infer', async (request, call) => {
      const change = readLogChange(request);
      if (Object.keys(change).length > 0) {
        requireLeave(settings, call.context.principal);
        await settings.changeLog(change);
      }
      return { settings: logMessage(settings.log()) };
    }),
  ];
}

/** An empty list clears a setting. */
function readTraceChange(request: Message): ReadonlyMap<string, readonly string[] | undefined> {
  const change = new Map<string, readonly string[] | undefined>();
  for (const [name, setting] of mapEntries(request, 'settings')) {
    const values = setting['value'] as readonly string[];
    checkTraceSetting(name, values);
    change.set(name, values.length === 0 ? undefined : values);
  }
  return change;
}

function traceMessage(settings: TraceSettings): object {
  return Object.fromEntries([...settings].map(([name, value]) => [name, { value }]));
}

/** A setting without a value is only asked for. */
function readLogChange(request: Message): Partial<LogSettings> {
  const change: LogChange = {};
  for (const [name, setting] of mapEntries(request, 'settings')) {
    const choice = setting['parameter_choice'];
    if (typeof choice !== 'string') continue;
    setLogSetting(change, name, setting[choice]);
  }
  return change;
}

function logMessage(settings: LogSettings): object {
  return {
    log_file: { string_param: settings.log_file },
    log_info: { bool_param: settings.log_info },
    log_warning: { bool_param: settings.log_warning },
    log_error: { bool_param: settings.log_error },
    log_verbose_level: { uint32_param: settings.log_verbose_level },
    log_format: { string_param: settings.log_format },
  };
}
