import { styleText } from 'node:util';

/** Where lines go; `process.stdout` and test doubles fit. */
export interface LogSink {
  write(line: string): unknown;
  readonly isTTY?: boolean;
}

const colors = { debug: 'gray', info: 'green', warn: 'yellow', error: 'red' } as const;

/**
 * Turns the logger's JSON lines into `12:00:01.500 INFO  message name=value`. Control characters in texts are escaped by
 * JSON's own rules, so a client's name cannot forge a line or move the cursor.
 */
export function createPrettyStream(sink: LogSink, colored: boolean): LogSink {
  return { write: (line) => sink.write(`${prettyLine(line, colored)}\n`) };
}

function prettyLine(line: string, colored: boolean): string {
  const entry: Record<string, unknown> = JSON.parse(line);
  const { level, time, message, ...fields } = entry;
  const word = typeof level === 'string' ? level : 'info';
  const label = word.toUpperCase().padEnd(5);
  const color = Object.entries(colors).find(([name]) => name === word)?.[1];
  const clock = typeof time === 'string' ? time.slice(11, 23) : '';
  const shown = colored && color !== undefined ? styleText(color, label, { validateStream: false }) : label;
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${fieldText(value)}`);
  return `${clock} ${shown} ${plain(typeof message === 'string' ? message : '')}${rest.join('')}`;
}

function fieldText(value: unknown): string {
  if (typeof value === 'string') return /^[\w./:@+-]+$/.test(value) ? value : JSON.stringify(value);
  if (typeof value === 'object' && value !== null && 'stack' in value && typeof value.stack === 'string') {
    return `\n    ${value.stack.split('\n').map(plain).join('\n    ')}`;
  }
  return JSON.stringify(value) ?? String(value);
}

/** The text with its control characters escaped. */
function plain(text: string): string {
  return JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll('\\\\', '\\');
}
