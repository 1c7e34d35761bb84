import { ServingError } from '../errors.ts';
import type { ModelCatalog } from './catalog.ts';
import type { Principal } from './principal.ts';
import type { LogSettings, ServerSettings } from './server-settings.ts';

/** Log settings that a client wants changed, while they are read. */
export type LogChange = { -readonly [Key in keyof LogSettings]?: LogSettings[Key] };

/**
 * Everybody may read settings; changing them needs the operator's leave and the scope `admin`.
 *
 * @throws permission_denied
 */
export function requireLeave(settings: ServerSettings, principal: Principal): void {
  if (!settings.mayChange) {
    throw new ServingError(
      'permission_denied',
      'settings cannot be changed by clients; the server runs without --allow-settings',
      { reason: 'SETTINGS_READ_ONLY' },
    );
  }
  if (!principal.scopes.has('admin')) {
    throw new ServingError('permission_denied', "changing settings needs the scope 'admin'", {
      reason: 'SCOPE_MISSING',
    });
  }
}

/** Trace settings may be those of one model. @throws not_found when there is no such model. */
export function requireTraced(catalog: ModelCatalog, model: string): void {
  if (model === '' || catalog.index(false).some((entry) => entry.name === model)) return;
  throw new ServingError('not_found', `Request for unknown model : ${model}`, { reason: 'MODEL_NOT_FOUND' });
}

/** Values that settings take. */
export const traceLevels: readonly string[] = ['OFF', 'TIMESTAMPS', 'TENSORS'];
export const traceModes: readonly string[] = ['triton', 'opentelemetry'];
export const logFormats: readonly string[] = ['default', 'ISO8601'];
export const maxVerboseLevel = 9;
const wholeNumber = /^(?:0|[1-9]\d{0,9})$/;

/** What each trace setting takes; trace_file cannot be set, as in Triton. */
const traceChecks: ReadonlyMap<string, (values: readonly string[]) => boolean> = new Map([
  ['trace_level', (values) => values.every((value) => traceLevels.includes(value))],
  ['trace_rate', ([value, ...more]) => more.length === 0 && wholeNumber.test(value ?? '') && value !== '0'],
  ['trace_count', ([value, ...more]) => more.length === 0 && /^-1$|^\d{1,10}$/.test(value ?? '')],
  ['log_frequency', ([value, ...more]) => more.length === 0 && wholeNumber.test(value ?? '')],
  ['trace_mode', ([value, ...more]) => more.length === 0 && traceModes.includes(value ?? '')],
]);

/** @param values none to clear the setting. @throws invalid_argument, or unimplemented for what only the operator sets. */
export function checkTraceSetting(name: string, values: readonly string[]): void {
  const check = traceChecks.get(name);
  if (name === 'trace_file') throw notSettable(name);
  if (check === undefined) throw invalidSetting(`unknown trace setting '${name}'`);
  if (values.length > 0 && !check(values)) {
    throw invalidSetting(`invalid value '${values.join(',')}' of trace setting '${name}'`);
  }
}

/** Adds a setting to a change. @throws invalid_argument, or unimplemented for what only the operator sets. */
export function setLogSetting(change: LogChange, name: string, value: unknown): void {
  switch (name) {
    case 'log_info':
    case 'log_warning':
    case 'log_error':
      if (typeof value !== 'boolean') throw invalidSetting(`log setting '${name}' takes a bool`);
      change[name] = value;
      break;
    case 'log_verbose_level':
      if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > maxVerboseLevel) {
        throw invalidSetting(`log setting '${name}' takes a whole number of 0 to ${maxVerboseLevel}`);
      }
      change.log_verbose_level = value;
      break;
    case 'log_format':
      if (typeof value !== 'string' || !logFormats.includes(value)) {
        throw invalidSetting(`log setting '${name}' takes a string: default or ISO8601`);
      }
      change.log_format = value;
      break;
    case 'log_file':
      throw notSettable(name);
    default:
      throw invalidSetting(`unknown log setting '${name}'`);
  }
}

function notSettable(name: string): ServingError {
  return new ServingError('unimplemented', `'${name}' cannot be changed while the server runs`, {
    reason: 'SETTING_NOT_SETTABLE',
  });
}

function invalidSetting(message: string): ServingError {
  return new ServingError('invalid_argument', message, { reason: 'INVALID_SETTING' });
}
