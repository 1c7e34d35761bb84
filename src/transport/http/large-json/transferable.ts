import { isMarkedAsUntransferable } from 'node:worker_threads';

/** Smaller buffers are copied: handing one over costs more. */
const leastBytes = 65_536;

/** The large buffers in a value of plain objects and lists, each once; what else is in it is copied. */
export function buffersIn(value: unknown): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>();
  collect(value, found);
  return [...found];
}

function collect(value: unknown, found: Set<ArrayBuffer>): void {
  if (typeof value !== 'object' || value === null) return;
  if (ArrayBuffer.isView(value)) {
    const { buffer } = value;
    const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength >= leastBytes;
    if (isOwn && !isMarkedAsUntransferable(buffer)) found.add(buffer);
  } else if (Array.isArray(value)) {
    // Lists of requests and tensors; one of numbers, such as a shape, holds no buffers.
    if (typeof value[0] === 'object') for (const entry of value) collect(entry, found);
  } else if (!(value instanceof Map) && !(value instanceof Set)) {
    for (const entry of Object.values(value)) collect(entry, found);
  }
}
