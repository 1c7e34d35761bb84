import assert from 'node:assert/strict';
import type { Message, Outcome } from './protocol-client.ts';

export function floats(...values: readonly number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}

/** Rows for the model mlp, all elements of which are `value`. */
export function rowsOf(rows: number, value = 0.5): Buffer {
  return floats(...Array.from({ length: rows * 16 }, () => value));
}

export interface InputMessage {
  readonly name?: string;
  readonly datatype?: string;
  readonly shape?: readonly (number | string)[];
  readonly parameters?: object;
  readonly contents?: object;
}

/** A request to the model mlp that it answers, but for what is replaced. */
export function mlp(replaced: object = {}): object {
  return {
    model_name: 'mlp',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 16] }],
    raw_input_contents: [rowsOf(1)],
    ...replaced,
  };
}

/** A request with one input `x` and its bytes. */
export function one(model: string, input: InputMessage, raw?: Uint8Array): object {
  return {
    model_name: model,
    inputs: [{ name: 'x', ...input }],
    raw_input_contents: raw === undefined ? [] : [raw],
  };
}

/** BYTES elements with their lengths. */
export function elements(...texts: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(
    texts.flatMap((text) => {
      const bytes = Buffer.from(text);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}

/** The bytes of the first output. */
export function rawOutput({ reply }: Outcome, index = 0): Buffer {
  const raw = (reply['raw_output_contents'] as readonly Buffer[] | undefined)?.[index];
  assert.ok(raw !== undefined, 'the answer has no such output');
  return raw;
}

export function outputsOf({ reply }: Outcome): readonly Message[] {
  return reply['outputs'] as readonly Message[];
}

const internal = 13;
const unknown = 2;

/** What no client may ever see, whatever it sent. */
export function assertDecent({ code, details }: Pick<Outcome, 'code' | 'details'>): void {
  assert.ok(code !== internal && code !== unknown, `status ${code}: ${details}`);
  assert.ok(details.length <= 1024, `a text of ${details.length} characters`);
  assert.doesNotMatch(details, /(?:^|[\s'"(=])\/(?:tmp|usr|var|work|root|home|opt)\b/, 'a path');
  assert.doesNotMatch(
    details,
    /\n|\bat [\w.<>]+ \(|\.(?:ts|js|cc):\d+|node:internal|onnxruntime/i,
    'a stack',
  );
}
