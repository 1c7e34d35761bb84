import type { ModelSpec } from '../inference/model-spec.ts';
import type { InferRequest } from '../inference/request.ts';
import type { PaddedSize } from '../inference/target.ts';
import type { Tensor } from '../inference/tensor.ts';
import { datatypeSizeBytes } from '../inference/datatype.ts';
import { bucketOf } from './policy/bucket.ts';
import { signatureOf } from './signature.ts';

/** Bytes of fill that one part of an input can show; more fill is several parts. */
const fillBytes = 16_384;

/** A padded batch's inputs may have so many bytes, unless one request alone has more: fill is not counted at the door. */
const mostBatchBytes = 64 * 1024 * 1024;

/** How one input of the model is padded. */
export interface InputRule {
  /** Which of the plan's sizes it has. */
  readonly size: number;
  readonly axis: number;
  /** A whole number of elements to fill up with. */
  readonly fill: Uint8Array;
}

/** How one output is cut back. */
export interface OutputRule {
  readonly size: number;
  readonly axes: readonly number[];
}

/** A model's padding, by the places of its inputs: made once, asked for every request. */
export class PaddingPlan {
  readonly #sizes: readonly PaddedSize[];
  readonly #inputs: readonly (InputRule | undefined)[];
  readonly #outputs = new Map<string, OutputRule>();
  /** Requests differ in the padded sizes only. */
  readonly #onlyPadded: boolean;

  constructor(spec: ModelSpec, sizes: readonly PaddedSize[]) {
    this.#sizes = sizes;
    this.#inputs = spec.inputs.map(({ name }) => inputRule(name, sizes));
    for (const [size, { outputs }] of sizes.entries()) {
      for (const { name, axes } of outputs) this.#outputs.set(name, { size, axes });
    }
    this.#onlyPadded = spec.inputs.every(({ dims }, index) => {
      const axis = this.#inputs[index]?.axis;
      return dims.every((dim, at) => dim !== -1 || at + 1 === axis);
    });
  }

  inputRule(index: number): InputRule | undefined {
    return this.#inputs[index];
  }

  outputRule(name: string): OutputRule | undefined {
    return this.#outputs.get(name);
  }

  /** The request's own sizes; undefined when its inputs do not agree on them, which is then the model's to judge. */
  sizesOf({ inputs }: InferRequest): readonly number[] | undefined {
    const sizes = this.#sizes.map(() => -1);
    for (let i = 0; i < inputs.length; i++) {
      const rule = this.#inputs[i];
      if (rule === undefined) continue;
      const own = inputs[i]?.shape[rule.axis] ?? 0;
      const known = sizes[rule.size] ?? -1;
      if (known >= 0 && known !== own) return undefined;
      sizes[rule.size] = own;
    }
    return sizes;
  }

  /** The request's buckets, one for each size; undefined when it must not be padded. */
  boundsOf(request: InferRequest): readonly number[] | undefined {
    const sizes = this.sizesOf(request);
    if (sizes === undefined) return undefined;
    const bounds: number[] = [];
    for (let i = 0; i < sizes.length; i++) {
      const bound = bucketOf(sizes[i] ?? 0, this.#sizes[i]?.buckets);
      if (bound === 0) return undefined;
      bounds.push(bound);
    }
    return bounds;
  }

  /** Equal for requests that differ in nothing but the padded sizes. */
  familyOf(inputs: readonly Tensor[]): string {
    if (this.#onlyPadded) return 'padded;';
    return signatureOf(
      this.atBounds(
        inputs,
        this.#sizes.map(() => 0),
      ),
      1,
    );
  }

  /** Inputs as they are once they are padded to `bounds`: shapes only, the data stays. */
  atBounds(inputs: readonly Tensor[], bounds: readonly number[]): readonly Tensor[] {
    return inputs.map((input, index) => {
      const rule = this.#inputs[index];
      if (rule === undefined) return input;
      return { ...input, shape: input.shape.with(rule.axis, bounds[rule.size] ?? 0) };
    });
  }

  /** Rows of padded inputs that fit into one batch; at least 1. */
  mostRows(inputs: readonly Tensor[], bounds: readonly number[]): number {
    let rowBytes = 0;
    for (const { datatype, shape, data } of this.atBounds(inputs, bounds)) {
      let elements = 1;
      for (let dim = 1; dim < shape.length; dim++) elements *= shape[dim] ?? 1;
      rowBytes += datatype === 'BYTES' ? data.byteLength : elements * datatypeSizeBytes[datatype];
    }
    return Math.max(1, Math.floor(mostBatchBytes / Math.max(1, rowBytes)));
  }

  /** The sizes that the inputs of a batch were padded to. */
  sizesIn(inputs: readonly { readonly shape: readonly number[] }[]): readonly number[] {
    const sizes = this.#sizes.map(() => 0);
    for (const [index, { shape }] of inputs.entries()) {
      const rule = this.#inputs[index];
      if (rule !== undefined) sizes[rule.size] = shape[rule.axis] ?? 0;
    }
    return sizes;
  }

  /** Whether the request is smaller than what its batch was padded to. */
  isPadded(request: InferRequest, sizes: readonly number[]): boolean {
    const own = this.sizesOf(request);
    return own?.some((size, index) => size !== sizes[index]) === true;
  }

  /** What a batch of requests of buckets within `bounds` is padded to. */
  paddedTo(
    requests: readonly { readonly request: InferRequest }[],
    bounds: readonly number[],
  ): readonly number[] {
    const longest = bounds.map(() => 0);
    for (const { request } of requests) {
      const sizes = this.sizesOf(request);
      for (let i = 0; i < longest.length; i++) longest[i] = Math.max(longest[i] ?? 0, sizes?.[i] ?? 0);
    }
    return longest.map((size, i) => (this.#sizes[i]?.padTo === 'bucket' ? (bounds[i] ?? size) : size));
  }
}

function inputRule(name: string, sizes: readonly PaddedSize[]): InputRule | undefined {
  for (const [size, { inputs }] of sizes.entries()) {
    const input = inputs.find((candidate) => candidate.name === name);
    if (input === undefined) continue;
    const fill = new Uint8Array(fillBytes - (fillBytes % input.fill.byteLength));
    for (let at = 0; at < fill.byteLength; at += input.fill.byteLength) fill.set(input.fill, at);
    return { size, axis: input.axis, fill };
  }
  return undefined;
}
