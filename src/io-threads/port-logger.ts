import { inspect } from 'node:util';
import type { LogLevel, ServerLogger } from '../observability/log.ts';
import type { LogLine } from './messages.ts';

const ranks = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 } as const satisfies Record<LogLevel, number>;

/**
 * The log of a thread: lines go to the main thread, which writes them, so that those of one thread keep their order and
 * none is cut in two by another's. Lines below the level do not cross.
 */
export function createPortLogger(level: LogLevel, send: (line: LogLine) => void): ServerLogger {
  const write = (line: LogLine): void => {
    if (ranks[line.level] < ranks[logger.level]) return;
    try {
      send(line);
    } catch {
      // What cannot be copied to another thread can still be read.
      send({ ...line, fields: { fields: inspect(line.fields, { depth: 3 }) } });
    }
  };
  const logger: ServerLogger = {
    level,
    muted: new Set(),
    debug: (fields, message) => write({ level: 'debug', fields, message }),
    info: (fields, message) => write({ level: 'info', fields, message }),
    warn: (fields, message) => write({ level: 'warn', fields, message }),
    error: (fields, message) => write({ level: 'error', fields, message }),
  };
  return logger;
}
