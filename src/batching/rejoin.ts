import { ServingError } from '../errors.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Tensor } from '../inference/tensor.ts';
import type { Settlement } from './entry.ts';
import { RowReader } from './split.ts';

/** Cuts a request into requests of at most `maxRows` rows, as views of its inputs. */
export function cutRequest(request: InferRequest, rows: number, maxRows: number): readonly InferRequest[] {
  const readers = request.inputs.map((input) => new RowReader(input));
  const chunks: InferRequest[] = [];
  for (let from = 0; from < rows; from += maxRows) {
    const count = Math.min(maxRows, rows - from);
    chunks.push({ ...request, inputs: readers.map((reader) => reader.next(count)) });
  }
  return chunks;
}

/** Collects the answers to the chunks of one request; the first failure is the whole request's. */
export class Rejoin {
  readonly #responses: (InferResponse | undefined)[];
  readonly #done: (outcome: InferResponse | ServingError) => void;
  #missing: number;
  #ended = false;

  /** @param done Called once. After a failure the other chunks are of no use to anybody. */
  constructor(chunks: number, done: (outcome: InferResponse | ServingError) => void) {
    this.#responses = Array.from({ length: chunks }, () => undefined);
    this.#missing = chunks;
    this.#done = done;
  }

  settlement(chunk: number): Settlement {
    return {
      resolve: (response) => this.#resolve(chunk, response),
      reject: (error) => this.#end(ServingError.from(error)),
    };
  }

  #resolve(chunk: number, response: InferResponse): void {
    this.#responses[chunk] = response;
    this.#missing -= 1;
    if (this.#missing === 0) this.#end(joinResponses(this.#responses.filter((part) => part !== undefined)));
  }

  #end(outcome: InferResponse | ServingError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#done(outcome);
  }
}

function joinResponses(parts: readonly InferResponse[]): InferResponse | ServingError {
  const [first] = parts;
  if (first === undefined) return new ServingError('internal', 'internal error');
  const outputs = first.outputs.map((_, index) => joinOutput(parts, index));
  return { ...first, outputs };
}

function joinOutput(parts: readonly InferResponse[], index: number): Tensor {
  const tensors = parts.map((part) => part.outputs[index]).filter((tensor) => tensor !== undefined);
  const [first] = tensors;
  if (first === undefined) throw new Error('bug: chunks of one request differ in their outputs');
  let rows = 0;
  for (const { shape } of tensors) rows += shape[0] ?? 0;
  return { ...first, shape: first.shape.with(0, rows), data: Buffer.concat(tensors.map(({ data }) => data)) };
}
