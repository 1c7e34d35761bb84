import { pino } from 'pino';
import type { Logger } from '../inference/logger.ts';
import { createPrettyStream, type LogSink } from './pretty-stream.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** `auto` is pretty when the sink is a terminal. */
  readonly format: 'auto' | 'json' | 'pretty';
  readonly sink?: LogSink;
}

/** The process's logger. Its level may change while it is in use. */
export interface ServerLogger extends Logger {
  level: LogLevel;
  /** Levels that are not printed although they are at or above `level`. */
  muted: ReadonlySet<LogLevel>;
}

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
  paths: secretNames.flatMap((name) => [`["${name}"]`, `*["${name}"]`]),
  censor: '[redacted]',
};

/** One JSON object per line with an ISO time and the level's name, or lines for people. Written synchronously. */
export function createLogger({ level, format, sink = process.stdout }: LoggerOptions): ServerLogger {
  const pretty = format === 'pretty' || (format === 'auto' && sink.isTTY === true);
  const output = pretty ? createPrettyStream(sink, sink.isTTY === true && !process.env['NO_COLOR']) : sink;
  const logger = pino(
    {
      level,
      base: null,
      redact,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err, cause: pino.stdSerializers.err },
      messageKey: 'message',
    },
    { write: (line: string) => void output.write(line) },
  );
  let current = level;
  let muted: ReadonlySet<LogLevel> = new Set();
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
    info: (fields, message) => {
      if (!muted.has('info')) logger.info(fields, message);
    },
    warn: (fields, message) => {
      if (!muted.has('warn')) logger.warn(fields, message);
    },
    error: (fields, message) => {
      if (!muted.has('error')) logger.error(fields, message);
    },
  };
}
