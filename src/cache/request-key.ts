import { createHash, hash } from 'node:crypto';
import type { InferRequest, Parameters } from '../inference/request.ts';
import { countRows } from './rows.ts';

/** 128 of sha256's 256 bits: as many as nobody finds two requests for, at half the memory. */
const keyLength = 16;

/** Requests up to this size are hashed in one go, which costs less than copying them does. */
const scratchBytes = 32 * 1024;

/** These say how a request is scheduled or its answer written, and never what the answer is. All others are in the key. */
const harmless: ReadonlySet<string> = new Set([
  'priority',
  'timeout',
  'binary_data_output',
  'triton_enable_empty_final_response',
]);

/** Makes the keys of requests: equal exactly for requests that have the same answer. Not for use by two calls at a time. */
export class RequestKeys {
  readonly #scratch = Buffer.allocUnsafe(scratchBytes);

  /**
   * @param owner whose answer it would be: model content, configuration, tenant.
   * @param request as admitted: inputs in the model's order.
   * @returns 16 characters, one a byte.
   */
  of(owner: string, request: InferRequest): string {
    const { inputs } = request;
    const head = headOf(owner, request, 0);
    let dataBytes = 0;
    for (let index = 0; index < inputs.length; index++) dataBytes += inputs[index]?.data.length ?? 0;
    // At most three bytes for each UTF-16 unit.
    if (head.length * 3 + dataBytes > scratchBytes) return hashPieces(head, inputs);
    const scratch = this.#scratch;
    let end = scratch.write(head);
    for (let index = 0; index < inputs.length; index++) {
      const data = inputs[index]?.data;
      if (data === undefined) continue;
      scratch.set(data, end);
      end += data.length;
    }
    return keyOf(scratch.subarray(0, end));
  }

  /**
   * A key for each row, that of a request with this row alone; undefined where there are no several rows that can be told
   * apart.
   */
  ofRows(owner: string, request: InferRequest): readonly string[] | undefined {
    const { inputs } = request;
    const rows = countRows(request);
    if (rows < 2) return undefined;
    const head = headOf(owner, request, rows);
    let rowBytes = 0;
    for (const { data } of inputs) rowBytes += data.length / rows;
    const small = head.length * 3 + rowBytes <= scratchBytes;
    const scratch = small ? this.#scratch : Buffer.allocUnsafe(head.length * 3 + rowBytes);
    const headEnd = scratch.write(head);
    const keys: string[] = [];
    for (let row = 0; row < rows; row++) {
      let end = headEnd;
      for (let index = 0; index < inputs.length; index++) {
        const data = inputs[index]?.data;
        if (data === undefined) continue;
        const bytes = data.length / rows;
        scratch.set(data.subarray(row * bytes, (row + 1) * bytes), end);
        end += bytes;
      }
      keys.push(keyOf(scratch.subarray(0, end)));
    }
    return keys;
  }
}

/** Of a request of many rows, by the keys of its rows. */
export function keyOfRows(keys: readonly string[]): string {
  return keyOf(Buffer.from(keys.join(''), 'latin1'));
}

function keyOf(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'latin1').slice(0, keyLength);
}

/** All but the bytes of inputs. @param rows above 0: as if there were only one of so many rows. */
function headOf(owner: string, { inputs, outputs, parameters }: InferRequest, rows: number): string {
  // Every part says how long it is, so that no two requests have one text.
  let head = owner;
  for (let index = 0; index < inputs.length; index++) {
    const input = inputs[index];
    if (input === undefined) continue;
    const { name, datatype, shape, data } = input;
    const sizes = rows === 0 ? shape.join() : [1, ...shape.slice(1)].join();
    head += `\n${name.length}:${name}${datatype}[${sizes}]${rows === 0 ? data.length : data.length / rows}`;
  }
  for (let index = 0; index < outputs.length; index++) {
    const name = outputs[index]?.name ?? '';
    head += `\n>${name.length}:${name}`;
  }
  return parameters.size > 0 ? head + parameterText(parameters) : head;
}

function hashPieces(head: string, inputs: InferRequest['inputs']): string {
  const pieces = createHash('sha256').update(head);
  for (const { data } of inputs) pieces.update(data);
  return pieces.digest('latin1').slice(0, keyLength);
}

function parameterText(parameters: Parameters): string {
  const parts: string[] = [];
  for (const [name, value] of parameters) {
    if (!harmless.has(name))
      parts.push(`${name.length}:${name}${typeof value}${String(value).length}:${value}`);
  }
  return parts
    .sort()
    .map((part) => `\n?${part}`)
    .join('');
}
