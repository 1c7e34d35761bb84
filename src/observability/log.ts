import { pino, type LoggerOptions as PinoOptions } from 'pino';
import { accessMessage, type Logger } from '../inference/logger.ts';
import { ecsFields, ecsVersion } from './ecs-fields.ts';
import { createPrettyStream, type LogSink } from './pretty-stream.ts';
import { Repetition, type Verdict } from './repetition.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** `auto` is pretty when the sink is a terminal. */
  readonly format: 'auto' | 'json' | 'pretty' | 'ecs';
  /** Of the server, for `ecs`. */
  readonly version?: string;
  readonly sink?: LogSink;
  /** Milliseconds of a clock that does not go back. */
  readonly now?: () => number;
}

/** The process's logger. Its level may change while it is in use. */
export interface ServerLogger extends Logger {
  level: LogLevel;
  /** Levels that are not printed although they are at or above `level`. */
  muted: ReadonlySet<LogLevel>;
}

type PinoForm = Pick<PinoOptions, 'base' | 'timestamp' | 'formatters' | 'serializers'>;

/** Names whose values are never printed, at the top of the fields or one level below. */
const secretNames = [
  'key',
  'apiKey',
  'api_key',
  'authorization',
  'Authorization',
  'x-api-key',
  'password',
  'token',
];

const redact = {
  paths: secretNames.flatMap((name) => [
    `["${name}"]`,
    `*["${name}"]`,
    `tensorgate["${name}"]`,
    `tensorgate.*["${name}"]`,
  ]),
  censor: '[redacted]',
};

/** One JSON object per line with an ISO time and the level's name, or lines for people. Written synchronously. */
export function createLogger(options: LoggerOptions): ServerLogger {
  const { level, format, sink = process.stdout, now = () => performance.now() } = options;
  const pretty = format === 'pretty' || (format === 'auto' && sink.isTTY === true);
  const output = pretty ? createPrettyStream(sink, sink.isTTY === true && !process.env['NO_COLOR']) : sink;
  const logger = pino(
    {
      level,
      redact,
      messageKey: 'message',
      ...(format === 'ecs' ? ecsForm(options.version ?? '') : ownForm),
    },
    { write: (line: string) => void output.write(line) },
  );
  const repetition = new Repetition(now);
  let current = level;
  let muted: ReadonlySet<LogLevel> = new Set();
  const print = (at: 'info' | 'warn' | 'error', fields: object, message: string): void => {
    if (muted.has(at) || !logger.isLevelEnabled(at)) return;
    const verdict = message === accessMessage ? unlimited : repetition.judge(message, fields);
    if (!verdict.print) return;
    const { suppressed } = verdict;
    logger[at](suppressed === 0 ? fields : { ...fields, suppressed }, message);
  };
  return {
    get muted() {
      return muted;
    },
    set muted(next) {
      muted = next;
    },
    get level() {
      return current;
    },
    set level(next) {
      current = next;
      logger.level = next;
    },
    debug: (fields, message) => {
      if (!muted.has('debug')) logger.debug(fields, message);
    },
    info: (fields, message) => print('info', fields, message),
    warn: (fields, message) => print('warn', fields, message),
    error: (fields, message) => print('error', fields, message),
  };
}

const unlimited: Verdict = { print: true, suppressed: 0 };

const ownForm: PinoForm = {
  base: null,
  timestamp: pino.stdTimeFunctions.isoTime,
  formatters: { level: (label) => ({ level: label }) },
  serializers: { error: pino.stdSerializers.err, cause: pino.stdSerializers.err },
};

/** As the Elastic Common Schema names things. */
function ecsForm(version: string): PinoForm {
  return {
    base: { 'ecs.version': ecsVersion, 'service.name': 'tensorgate', 'service.version': version },
    timestamp: () => `,"@timestamp":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ 'log.level': label }), log: ecsFields },
  };
}
