import { datatypes } from '../inference/datatype.ts';
import type { BatchResult } from '../inference/executor.ts';
import type { Tensor } from '../inference/tensor.ts';
import { fromErrorMessage, toErrorMessage } from './messages.ts';
import type { FromWorker } from './messages.ts';
import type { ServingError } from '../errors.ts';
import type { NativeOptions } from './native-binding.ts';

/**
 * What passes between the server and a session process, over one socket: frames of a header and a body. The header is
 * two float64 words, the kind and the size of the body; its size keeps what follows aligned as request-slot.ts lays it out.
 */
export const headerBytes = 64;

/** The descriptor at which a session process finds the socket. */
export const frameDescriptor = 3;

export const frameKinds = { setup: 1, batch: 2, close: 3, opened: 4, failed: 5, outputs: 6 } as const;

/** A frame larger than this was never written by the other side: its memory is damaged. */
export const largestFrameBytes = 2 ** 40;

/** First frame to a session process. */
export interface ProcessSetup {
  readonly modelPath: string;
  readonly options: NativeOptions;
  readonly oneThread: boolean;
}

export type Opened = Extract<FromWorker, { readonly kind: 'opened' }>;

export interface FrameHeader {
  readonly kind: number;
  readonly sizeBytes: number;
}

export function writeHeader(frame: Buffer, { kind, sizeBytes }: FrameHeader): void {
  frame.fill(0, 0, headerBytes);
  frame.writeDoubleLE(kind, 0);
  frame.writeDoubleLE(sizeBytes, 8);
}

/** @throws Error when the bytes are no header: whoever sent them cannot be relied on any more. */
export function readHeader(frame: Buffer): FrameHeader {
  const kind = frame.readDoubleLE(0);
  const sizeBytes = frame.readDoubleLE(8);
  const known = Number.isInteger(kind) && kind >= frameKinds.setup && kind <= frameKinds.outputs;
  const sound = Number.isSafeInteger(sizeBytes) && sizeBytes >= 0 && sizeBytes <= largestFrameBytes;
  if (!known || !sound) throw new Error('the session process sent what is no frame');
  return { kind, sizeBytes };
}

/** A frame whose body is JSON. */
export function jsonFrame(kind: number, body: object): Buffer {
  const text = Buffer.from(JSON.stringify(body));
  const header = Buffer.alloc(headerBytes);
  writeHeader(header, { kind, sizeBytes: text.byteLength });
  return Buffer.concat([header, text]);
}

export function failedFrame(error: ServingError): Buffer {
  return jsonFrame(frameKinds.failed, toErrorMessage(error));
}

export function openedFrame(opened: Opened): Buffer {
  return jsonFrame(frameKinds.opened, opened);
}

export function readSetup(body: Buffer): ProcessSetup {
  const setup: ProcessSetup = JSON.parse(body.toString());
  return setup;
}

/** @throws SyntaxError for what is no JSON. */
export function readFailed(body: Buffer): ServingError {
  return fromErrorMessage(JSON.parse(body.toString()));
}

/** @throws Error for what does not describe an open session. */
export function readOpened(body: Buffer): Opened {
  const opened: Partial<Opened> = JSON.parse(body.toString());
  if (opened.kind !== 'opened' || opened.metadata === undefined || opened.openCpuMs === undefined) {
    throw new Error('the session process did not say what it opened');
  }
  return opened as Opened;
}

const wordBytes = 8;
const fixedWords = 5;

export interface FrameTimes {
  readonly inputMs: number;
  readonly inferMs: number;
  readonly outputMs: number;
  readonly cpuMs: number | undefined;
}

/**
 * Outputs as pieces to be written one after the other, nothing copied. The body is float64 words, inputMs, inferMs, outputMs,
 * cpuMs (-1 where unknown), outputs, then for each output: datatype, rank, dims..., size in bytes; and the data of each
 * output from a multiple of 8 bytes on.
 */
export function outputFrame(outputs: readonly Tensor[], times: FrameTimes): readonly Uint8Array[] {
  let words = fixedWords;
  let dataBytes = 0;
  for (const { shape, data } of outputs) {
    words += 3 + shape.length;
    dataBytes += alignUp(data.byteLength);
  }
  const head = Buffer.alloc(headerBytes + words * wordBytes);
  writeHeader(head, { kind: frameKinds.outputs, sizeBytes: words * wordBytes + dataBytes });
  let at = headerBytes;
  const put = (word: number) => {
    at = head.writeDoubleLE(word, at);
  };
  put(times.inputMs);
  put(times.inferMs);
  put(times.outputMs);
  put(times.cpuMs ?? -1);
  put(outputs.length);
  const pieces: Uint8Array[] = [head];
  for (const { datatype, shape, data } of outputs) {
    put(datatypes.indexOf(datatype));
    put(shape.length);
    for (const dim of shape) put(dim);
    put(data.byteLength);
    pieces.push(data);
    const gap = alignUp(data.byteLength) - data.byteLength;
    if (gap > 0) pieces.push(zeros.subarray(0, gap));
  }
  return pieces;
}

/**
 * The outputs are views of the body.
 *
 * @param names as asked for.
 * @throws Error for a body that does not hold what it says.
 */
export function readOutputFrame(body: Buffer, names: readonly string[], addedInputMs: number): BatchResult {
  let at = 0;
  const next = () => {
    const word = body.readDoubleLE(at);
    at += wordBytes;
    return word;
  };
  const inputMs = next() + addedInputMs;
  const inferMs = next();
  const outputMs = next();
  const threadMs = next();
  if (next() !== names.length) throw new Error('the session process answered another number of outputs');
  const described = names.map((name) => {
    const datatype = datatypes[next()];
    if (datatype === undefined) throw new Error('the session process answered an unknown datatype');
    const shape: number[] = [];
    for (let rank = next(); rank > 0; rank -= 1) shape.push(next());
    return { name, datatype, shape, sizeBytes: next() };
  });
  const outputs: Tensor[] = [];
  for (const { name, datatype, shape, sizeBytes } of described) {
    const end = at + sizeBytes;
    if (!(sizeBytes >= 0 && end <= body.byteLength)) throw new Error('an output lies outside of its frame');
    outputs.push({ name, datatype, shape, data: body.subarray(at, end) });
    at += alignUp(sizeBytes);
  }
  return { outputs, inputMs, inferMs, outputMs, cpuMs: threadMs < 0 ? undefined : threadMs };
}

const zeros = new Uint8Array(wordBytes);

function alignUp(sizeBytes: number): number {
  return Math.ceil(sizeBytes / wordBytes) * wordBytes;
}
