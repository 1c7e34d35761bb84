import type { Logger } from '../../src/inference/logger.ts';

/** Keeps what is logged, fields and message together. */
export class RecordingLogger implements Logger {
  readonly lines: Readonly<Record<string, unknown>>[] = [];

  debug(fields: object, message: string): void {
    this.lines.push({ level: 'debug', message, ...fields });
  }

  info(fields: object, message: string): void {
    this.lines.push({ level: 'info', message, ...fields });
  }

  warn(fields: object, message: string): void {
    this.lines.push({ level: 'warn', message, ...fields });
  }

  error(fields: object, message: string): void {
    this.lines.push({ level: 'error', message, ...fields });
  }
}
