import { elementCount, type Tensor } from '../inference/tensor.ts';
import type { InferResponse } from '../inference/response.ts';
import type { Agreement, ShadowCopies } from '../inference/traffic-split.ts';

/** Whether a shadow's answer is the live one's, by what the split says of each output. Outputs that only one of them has differ. */
export function answersAgree(
  live: InferResponse,
  shadow: InferResponse,
  { agreement, outputs }: Pick<ShadowCopies, 'agreement' | 'outputs'>,
): boolean {
  if (live.outputs.length !== shadow.outputs.length) return false;
  for (const tensor of live.outputs) {
    const other = shadow.outputs.find(({ name }) => name === tensor.name);
    if (other === undefined) return false;
    if (
      !tensorsAgree(
        tensor,
        other,
        Object.hasOwn(outputs, tensor.name) ? (outputs[tensor.name] ?? agreement) : agreement,
      )
    )
      return false;
  }
  return true;
}

function tensorsAgree(live: Tensor, shadow: Tensor, agreement: Agreement): boolean {
  if (live.datatype !== shadow.datatype || !sameShape(live.shape, shadow.shape)) return false;
  const values = numbersOf(live);
  const others = numbersOf(shadow);
  // Texts and the rarer types are the same only byte by byte.
  if (agreement.kind === 'exact' || values === undefined || others === undefined) {
    return Buffer.compare(live.data, shadow.data) === 0;
  }
  if (agreement.kind === 'tolerance') return within(values, others, agreement);
  return sameOrder(values, others, {
    rows: live.shape.length > 1 ? (live.shape[0] ?? 1) : 1,
    count: agreement.kind === 'top1' ? 1 : agreement.count,
  });
}

function sameShape(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((dim, axis) => dim === other[axis]);
}

function within(
  values: ArrayLike<number>,
  others: ArrayLike<number>,
  { absolute, relative }: { readonly absolute: number; readonly relative: number },
): boolean {
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? 0;
    const other = others[index] ?? 0;
    if (Object.is(value, other)) continue;
    if (!(Math.abs(value - other) <= absolute + relative * Math.abs(value))) return false;
  }
  return true;
}

/** Of each row, where its largest elements stand. */
function sameOrder(
  values: ArrayLike<number>,
  others: ArrayLike<number>,
  { rows, count }: { readonly rows: number; readonly count: number },
): boolean {
  const width = rows === 0 ? 0 : Math.floor(values.length / rows);
  for (let row = 0; row < rows; row++) {
    const mine = largest(values, row * width, width, count);
    const theirs = largest(others, row * width, width, count);
    if (mine.some((place, at) => place !== theirs[at])) return false;
  }
  return true;
}

/** Places of the `count` largest, the first of equals first. */
function largest(values: ArrayLike<number>, start: number, width: number, count: number): readonly number[] {
  const places: number[] = [];
  for (let place = 0; place < width; place++) {
    const value = values[start + place] ?? 0;
    let at = places.length;
    while (at > 0 && (values[start + (places[at - 1] ?? 0)] ?? 0) < value) at -= 1;
    if (at >= count) continue;
    places.splice(at, 0, place);
    if (places.length > count) places.pop();
  }
  return places;
}

/** Tensors on the wire need not be aligned; a copy is. */
function numbersOf(tensor: Tensor): ArrayLike<number> | undefined {
  const make = arrays[tensor.datatype];
  if (make === undefined || elementCount(tensor.shape) === 0) return undefined;
  const copy = tensor.data.slice();
  return make(copy.buffer);
}

const arrays: Readonly<Record<string, ((bytes: ArrayBuffer) => ArrayLike<number>) | undefined>> = {
  FP32: (bytes) => new Float32Array(bytes),
  FP64: (bytes) => new Float64Array(bytes),
  FP16: (bytes) => new Float16Array(bytes),
  INT32: (bytes) => new Int32Array(bytes),
  INT16: (bytes) => new Int16Array(bytes),
  INT8: (bytes) => new Int8Array(bytes),
  UINT32: (bytes) => new Uint32Array(bytes),
  UINT16: (bytes) => new Uint16Array(bytes),
  UINT8: (bytes) => new Uint8Array(bytes),
  INT64: (bytes) => Float64Array.from(new BigInt64Array(bytes), Number),
  UINT64: (bytes) => Float64Array.from(new BigUint64Array(bytes), Number),
};
