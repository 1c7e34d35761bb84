import type { CallContext } from '../inference/call-context.ts';
import type { ModelSpec } from '../inference/model-spec.ts';
import type { Look, Monitor, MonitoringPlan } from '../inference/monitoring.ts';
import type { InferRequest } from '../inference/request.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Tensor } from '../inference/tensor.ts';
import type { Clock } from '../util/clock.ts';
import { columnsOf, vectorsOf, type InputColumns, type VectorTensor } from './columns.ts';
import type { Prediction } from './prediction.ts';
import { numbersOf, textsOf } from './read-elements.ts';
import { RateBucket } from './rate-bucket.ts';
import { createPredictionReader, type ReadPredictions } from './read-predictions.ts';

/** Rows of one request whose predictions are kept for labels. */
export const mostRowsKept = 64;

/** What is to be known of one request and its answer. It may cross to another thread. */
export interface Sighting {
  readonly principal: string;
  readonly id: string;
  /** Of epoch. */
  readonly atMs: number;
  readonly predictions: readonly Prediction[];
  /** Rows of the inputs that are looked at, from the first. */
  readonly rows: number;
  /** Row by row the values of all columns; NaN for what is missing, or a text. Empty without rows. */
  readonly numbers: Float64Array;
  /** The texts among them; undefined where no column has texts. */
  readonly texts: readonly (string | undefined)[] | undefined;
  /** Of each tensor that is watched as vectors its first rows, one after the other; empty where there is no room for any. */
  readonly vectors: readonly Float32Array[];
}

export interface RequestSamplerOptions {
  readonly clock: Clock;
  /** Of the rows that may be looked at: what falls to this thread, 0..1. */
  readonly share: number;
  readonly onSighting: (sighting: Sighting) => void;
  /** An answer could not be looked at. */
  readonly onFailure: (error: unknown) => void;
}

/** Nothing is kept for longer ids, which would only have to be carried to another thread. */
const mostIdChars = 256;

const noNumbers = new Float64Array(0);
const noVectors: readonly Float32Array[] = [];

/** Elements of vectors that are read in a second: mapping them takes a five-hundredth of it. */
const elementsPerSecond = 16_000;

/** Of short vectors, whose elements are the lesser part of the work. */
const vectorsPerSecond = 50;

/** Reads what is watched of requests and their answers, once these were written, and of no more rows than a second has room for. */
export class RequestSampler implements Monitor {
  readonly #options: RequestSamplerOptions;
  readonly #read: ReadPredictions;
  readonly #columns: readonly InputColumns[];
  readonly #width: number;
  readonly #hasTexts: boolean;
  readonly #hasRows: (shape: readonly number[]) => boolean;
  readonly #rows: RateBucket;
  readonly #vectors: readonly VectorTensor[];
  readonly #vectorRows: RateBucket;
  readonly #keeps: boolean;
  /** When there is something to look at again: until then a request costs one comparison. */
  #roomAt: number;

  constructor(spec: ModelSpec, plan: MonitoringPlan, options: RequestSamplerOptions) {
    this.#options = options;
    this.#read = createPredictionReader(spec);
    this.#hasRows = (shape) =>
      spec.maxBatchSize > 0 || spec.inputs.some(({ dims }) => dims[0] === -1 && shape.length > 0);
    const { inputs, names } = columnsOf(spec, plan.drift);
    this.#columns = inputs;
    this.#width = names.length;
    this.#hasTexts = inputs.some(({ texts }) => texts);
    const now = options.clock.now();
    const rowsPerSecond = plan.drift?.rowsPerSecond ?? 0;
    this.#vectors = vectorsOf(spec, plan.drift);
    const elements = this.#vectors.reduce((sum, { width }) => sum + width, 0);
    this.#rows = new RateBucket(now, names.length === 0 ? 0 : rowsPerSecond * options.share);
    this.#vectorRows = new RateBucket(
      now,
      elements === 0
        ? 0
        : Math.min(rowsPerSecond, vectorsPerSecond, elementsPerSecond / elements) * options.share,
    );
    this.#keeps = plan.feedback !== undefined;
    this.#roomAt = this.#keeps ? -Infinity : Math.min(this.#rows.roomAt, this.#vectorRows.roomAt);
  }

  choose(request: InferRequest, nowMs: number): Look | undefined {
    if (nowMs < this.#roomAt) return undefined;
    const all = this.#rowsOf(request);
    const rows = this.#rows.take(all, nowMs);
    const vectorRows = this.#vectorRows.take(all, nowMs);
    this.#roomAt = this.#keeps ? -Infinity : Math.min(this.#rows.roomAt, this.#vectorRows.roomAt);
    return rows > 0 || vectorRows > 0 || this.#keeps ? { rows, vectorRows } : undefined;
  }

  watch(look: Look, request: InferRequest, response: InferResponse, call: CallContext): void {
    if (response.outputs.length === 0) return;
    const principal = call.principal.name;
    call.onFinished(() => this.#look(request, response, principal, look));
  }

  /** A request's data is whatever its client sent: what goes wrong here must not reach anybody. */
  #look(request: InferRequest, response: InferResponse, principal: string, { rows, vectorRows }: Look): void {
    try {
      const predictions = this.#read(response, Math.max(rows, mostRowsKept + 1));
      const id = request.id.length > mostIdChars ? '' : request.id;
      const atMs = this.#options.clock.epochMs();
      const texts =
        this.#hasTexts && rows > 0
          ? Array.from<string | undefined>({ length: rows * this.#width })
          : undefined;
      const numbers = rows > 0 ? this.#values(request, rows, texts) : noNumbers;
      const vectors = vectorRows > 0 ? this.#vectorsOf(request, response, vectorRows) : noVectors;
      this.#options.onSighting({ principal, id, atMs, predictions, rows, numbers, texts, vectors });
    } catch (error) {
      this.#options.onFailure(error);
    }
  }

  #values(request: InferRequest, rows: number, texts: (string | undefined)[] | undefined): Float64Array {
    const values = new Float64Array(rows * this.#width).fill(Number.NaN);
    for (const column of this.#columns) {
      const tensor = request.inputs.find(({ name }) => name === column.name);
      if (tensor === undefined || tensor.data.length === 0) continue;
      const { first, width } = column;
      const words = column.texts ? textsOf(tensor, rows * width) : undefined;
      const number = words === undefined ? numbersOf(tensor) : undefined;
      for (let row = 0; row < rows; row++) {
        const to = row * this.#width + first;
        for (let i = 0; i < width; i++) {
          if (number !== undefined) values[to + i] = number(row * width + i);
          else if (texts !== undefined) texts[to + i] = words?.[row * width + i];
        }
      }
    }
    return values;
  }

  /** The first rows of each, as far as it has them. */
  #vectorsOf(request: InferRequest, response: InferResponse, rows: number): readonly Float32Array[] {
    return this.#vectors.map((vector) => {
      const tensor = tensorOf(vector, request, response);
      if (tensor === undefined || tensor.datatype === 'BYTES') return new Float32Array(0);
      const elements = tensor.shape.reduce((product, size) => product * size, 1);
      const values = new Float32Array(Math.min(rows, Math.floor(elements / vector.width)) * vector.width);
      const number = numbersOf(tensor);
      for (let i = 0; i < values.length; i++) values[i] = number(i);
      return values;
    });
  }

  #rowsOf({ inputs }: InferRequest): number {
    const name = this.#columns[0]?.name;
    const shape = (name === undefined ? inputs[0] : inputs.find((input) => input.name === name))?.shape;
    if (shape === undefined) return 0;
    return this.#hasRows(shape) ? (shape[0] ?? 0) : 1;
  }
}

function tensorOf(
  { name, side }: VectorTensor,
  { inputs }: InferRequest,
  { outputs }: InferResponse,
): Tensor | undefined {
  return (side === 'inputs' ? inputs : outputs).find((tensor) => tensor.name === name);
}
