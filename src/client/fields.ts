import type { WireMessage } from './connection.ts';

/** A field that is a text; '' when it is not there. */
export function text(message: WireMessage, name: string): string {
  const value = message[name];
  return typeof value === 'string' ? value : '';
}

/** A field that is a number, or an int64 as a decimal string; 0 when it is not there. */
export function number(message: WireMessage, name: string): number {
  const value = Number(message[name] ?? 0);
  return Number.isNaN(value) ? 0 : value;
}

/** A repeated field; empty when it is not there. */
export function items(message: WireMessage, name: string): readonly unknown[] {
  const value = message[name];
  return Array.isArray(value) ? value : [];
}

export function numbers(message: WireMessage, name: string): number[] {
  return items(message, name).map(Number);
}

/** A message within a message, or a map; empty when it is not there. */
export function part(value: unknown): WireMessage {
  return typeof value === 'object' && value !== null ? (value as WireMessage) : {};
}
