import { ServingError } from '../../errors.ts';
import type { ModelCatalog } from '../../inference/catalog.ts';
import type { LogSettings, ServerSettings, TraceSettings } from '../../inference/server-settings.ts';
import type { GrpcCall, GrpcMethod } from './method.ts';
import type { Message } from './proto.ts';
import { field, mapEntries, protocolMethod } from './protocol-method.ts';

/** TraceSetting and LogSettings. Everybody may read; changing needs the operator's leave and the scope `admin`. */
export function createSettingsRpcs(settings: ServerSettings, catalog: ModelCatalog): readonly GrpcMethod[] {
  return [
    protocolMethod('TraceSetting', 'infer', async (request, call) => {
      const model = field(request, 'model_name');
      if (model !== '' && !catalog.index(false).some((entry) => entry.name === model)) {
        throw new ServingError('not_found', `Request for unknown model : ${model}`, {
          reason: 'MODEL_NOT_FOUND',
        });
      }
      const change = readTraceChange(request);
      if (change.size > 0) {
        requireLeave(settings, call);
        await settings.changeTrace(model, change);
      }
      return { settings: traceMessage(settings.trace(model)) };
    }),
    protocolMethod('LogSettings', 'infer', async (request, call) => {
      const change = readLogChange(request);
      if (Object.keys(change).length > 0) {
        requireLeave(settings, call);
        await settings.changeLog(change);
      }
      return { settings: logMessage(settings.log()) };
    }),
  ];
}

function requireLeave(settings: ServerSettings, call: GrpcCall): void {
  if (!settings.mayChange) {
    throw new ServingError(
      'permission_denied',
      'settings cannot be changed by clients; the server runs without --allow-settings',
      { reason: 'SETTINGS_READ_ONLY' },
    );
  }
  if (!call.context.principal.scopes.has('admin')) {
    throw new ServingError('permission_denied', "changing settings needs the scope 'admin'", {
      reason: 'SCOPE_MISSING',
    });
  }
}

const traceLevels: readonly string[] = ['OFF', 'TIMESTAMPS', 'TENSORS'];
const wholeNumber = /^(?:0|[1-9]\d{0,9})$/;

/** What each trace setting takes; trace_file cannot be set, as in Triton. */
const traceChecks: ReadonlyMap<string, (values: readonly string[]) => boolean> = new Map([
  ['trace_level', (values) => values.every((value) => traceLevels.includes(value))],
  ['trace_rate', ([value, ...more]) => more.length === 0 && wholeNumber.test(value ?? '') && value !== '0'],
  ['trace_count', ([value, ...more]) => more.length === 0 && /^-1$|^\d{1,10}$/.test(value ?? '')],
  ['log_frequency', ([value, ...more]) => more.length === 0 && wholeNumber.test(value ?? '')],
  [
    'trace_mode',
    ([value, ...more]) => more.length === 0 && (value === 'triton' || value === 'opentelemetry'),
  ],
]);

/** An empty list clears a setting. */
function readTraceChange(request: Message): ReadonlyMap<string, readonly string[] | undefined> {
  const change = new Map<string, readonly string[] | undefined>();
  for (const [name, setting] of mapEntries(request, 'settings')) {
    const values = setting['value'] as readonly string[];
    const check = traceChecks.get(name);
    if (name === 'trace_file') throw notSettable(name);
    if (check === undefined) throw invalidSetting(`unknown trace setting '${name}'`);
    if (values.length > 0 && !check(values)) {
      throw invalidSetting(`invalid value '${values.join(',')}' of trace setting '${name}'`);
    }
    change.set(name, values.length === 0 ? undefined : values);
  }
  return change;
}

function traceMessage(settings: TraceSettings): object {
  return Object.fromEntries([...settings].map(([name, value]) => [name, { value }]));
}

const maxVerboseLevel = 9;

/** A setting without a value is only asked for. */
function readLogChange(request: Message): Partial<LogSettings> {
  const change: { -readonly [Key in keyof LogSettings]?: LogSettings[Key] } = {};
  for (const [name, setting] of mapEntries(request, 'settings')) {
    const choice = setting['parameter_choice'];
    if (typeof choice !== 'string') continue;
    const value = setting[choice];
    switch (name) {
      case 'log_info':
      case 'log_warning':
      case 'log_error':
        if (typeof value !== 'boolean') throw invalidSetting(`log setting '${name}' takes a bool_param`);
        change[name] = value;
        break;
      case 'log_verbose_level':
        if (typeof value !== 'number' || value > maxVerboseLevel) {
          throw invalidSetting(`log setting '${name}' takes a uint32_param of 0 to ${maxVerboseLevel}`);
        }
        change.log_verbose_level = value;
        break;
      case 'log_format':
        if (value !== 'default' && value !== 'ISO8601') {
          throw invalidSetting(`log setting '${name}' takes a string_param: default or ISO8601`);
        }
        change.log_format = value;
        break;
      case 'log_file':
        throw notSettable(name);
      default:
        throw invalidSetting(`unknown log setting '${name}'`);
    }
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

function notSettable(name: string): ServingError {
  return new ServingError('unimplemented', `'${name}' cannot be changed while the server runs`, {
    reason: 'SETTING_NOT_SETTABLE',
  });
}

function invalidSetting(message: string): ServingError {
  return new ServingError('invalid_argument', message, { reason: 'INVALID_SETTING' });
}
