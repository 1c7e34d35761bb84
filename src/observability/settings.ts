import { ServingError } from '../errors.ts';
import type { LogSettings, ServerSettings, TraceSettings } from '../inference/server-settings.ts';
import type { LogLevel, ServerLogger } from './log.ts';

/** undefined clears a setting. */
type TraceChange = ReadonlyMap<string, readonly string[] | undefined>;

type TraceSetting = readonly [name: string, value: readonly string[]];

/** Triton's trace settings in its order, with the values it starts with. */
const initialTrace: readonly TraceSetting[] = [
  ['trace_level', ['OFF']],
  ['trace_rate', ['1000']],
  ['trace_count', ['-1']],
  ['log_frequency', ['0']],
  ['trace_file', ['']],
  ['trace_mode', ['triton']],
];

/** Times in the log have this format, and no other. */
const logFormat = 'ISO8601';

type Switches = Omit<LogSettings, 'log_file' | 'log_format'>;

/** Settings of the thread that calls: changes have been made when the call returns. */
export interface LocalSettings extends ServerSettings {
  changeLog(change: Partial<LogSettings>): void;
  changeTrace(model: string, change: TraceChange): void;
}

export interface ServerSettingsOptions {
  /** `--allow-settings`. */
  readonly mayChange: boolean;
  /** What log settings act on; its level is where they start. */
  readonly logger: ServerLogger;
}

/**
 * Settings that clients read and may change while the server runs. Log settings act at once. Trace settings are kept
 * for clients that expect them to be; this server writes no trace files, and its log says so when they change.
 */
export function createServerSettings({ mayChange, logger }: ServerSettingsOptions): LocalSettings {
  let switches = switchesOf(logger.level);
  const everyModel = new Map<string, readonly string[]>(initialTrace);
  const byModel = new Map<string, Map<string, readonly string[]>>();
  return {
    mayChange,
    log: () => ({ log_file: '', ...switches, log_format: logFormat }),
    changeLog(change) {
      if (change.log_format !== undefined && change.log_format !== logFormat) throw oneFormat();
      switches = {
        log_info: change.log_info ?? switches.log_info,
        log_warning: change.log_warning ?? switches.log_warning,
        log_error: change.log_error ?? switches.log_error,
        log_verbose_level: change.log_verbose_level ?? switches.log_verbose_level,
      };
      apply(switches, logger);
    },
    trace: (model) => traceOf(everyModel, byModel.get(model)),
    changeTrace(model, change) {
      if (model === '') changeEveryModel(everyModel, change);
      else changeModel(byModel, model, change);
      logger.info({ settings: [...change.keys()] }, 'trace settings kept; this server writes no trace files');
    },
  };
}

function switchesOf(level: LogLevel): Switches {
  return {
    log_info: level === 'debug' || level === 'info',
    log_warning: level === 'debug' || level === 'info' || level === 'warn',
    log_error: level !== 'silent',
    log_verbose_level: level === 'debug' ? 1 : 0,
  };
}

/** Triton's switches are independent of each other, so levels above the lowest that prints may be muted. */
function apply(switches: Switches, logger: ServerLogger): void {
  const prints: readonly (readonly [LogLevel, boolean])[] = [
    ['debug', switches.log_verbose_level > 0],
    ['info', switches.log_info],
    ['warn', switches.log_warning],
    ['error', switches.log_error],
  ];
  logger.level = prints.find(([, on]) => on)?.[0] ?? 'silent';
  logger.muted = new Set(prints.filter(([, on]) => !on).map(([level]) => level));
}

function traceOf(
  everyModel: TraceSettings,
  own: ReadonlyMap<string, readonly string[]> | undefined,
): TraceSettings {
  return own === undefined ? new Map(everyModel) : new Map([...everyModel, ...own]);
}

function changeEveryModel(everyModel: Map<string, readonly string[]>, change: TraceChange): void {
  for (const [name, initial] of initialTrace) {
    if (change.has(name)) everyModel.set(name, change.get(name) ?? initial);
  }
}

function changeModel(
  byModel: Map<string, Map<string, readonly string[]>>,
  model: string,
  change: TraceChange,
): void {
  const own = byModel.get(model) ?? new Map<string, readonly string[]>();
  for (const [name] of initialTrace) {
    if (!change.has(name)) continue;
    const value = change.get(name);
    if (value === undefined) own.delete(name);
    else own.set(name, value);
  }
  if (own.size > 0) byModel.set(model, own);
  else byModel.delete(model);
}

function oneFormat(): ServingError {
  return new ServingError('invalid_argument', `log_format is ${logFormat} and cannot be changed`, {
    reason: 'INVALID_SETTING',
  });
}
