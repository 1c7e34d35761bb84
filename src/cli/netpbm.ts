import { usageError } from './command.ts';
import type { Picture } from './picture.ts';

/** Kind, width, height and maximum; comments run from # to the end of the line. */
const head = /^P([2356])(?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,5})/;

/** Larger pictures are no input of a model. */
const maxSamples = 2 ** 28;

/** Whether the file begins as PGM and PPM files do. */
export function isNetpbm(file: Buffer): boolean {
  return /^P[2356]\s/.test(file.toString('latin1', 0, 3));
}

/** Reads PGM and PPM, plain (P2, P3) and binary (P5, P6). @throws ServingError with reason USAGE */
export function readNetpbm(file: Buffer, name: string): Picture {
  const match = head.exec(file.toString('latin1', 0, Math.min(file.length, 4096)));
  const [found = '', kind, ...words] = match ?? [];
  const [width = 0, height = 0, maximum = 0] = words.map(Number);
  const channels = kind === '3' || kind === '6' ? 3 : 1;
  const count = width * height * channels;
  if (!(count > 0 && count <= maxSamples && maximum > 0 && maximum < 65_536)) {
    throw usageError(`${name} is not a PGM or PPM image`);
  }
  const plain = kind === '2' || kind === '3';
  const samples = plain
    ? plainSamples(file, found.length, count)
    : binarySamples(file, found.length, count, maximum);
  if (samples === undefined || samples.some((sample) => sample > maximum)) {
    throw usageError(`${name}: the image's data is cut off or damaged`);
  }
  return { width, height, channels, maximum, samples };
}

function plainSamples(file: Buffer, start: number, count: number): Uint16Array | undefined {
  const words = file
    .toString('latin1', start)
    .replaceAll(/#[^\n]*/g, ' ')
    .split(/\s+/)
    .filter((word) => word !== '');
  return words.length < count ? undefined : Uint16Array.from(words.slice(0, count), Number);
}

function binarySamples(
  file: Buffer,
  end: number,
  count: number,
  maximum: number,
): Uint8Array | Uint16Array | undefined {
  const start = end + 1;
  if (maximum < 256) return start + count > file.length ? undefined : file.subarray(start, start + count);
  if (start + count * 2 > file.length) return undefined;
  return Uint16Array.from({ length: count }, (_, index) => file.readUInt16BE(start + index * 2));
}
