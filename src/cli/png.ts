import { inflateSync } from 'node:zlib';
import { usageError } from './command.ts';
import type { Picture } from './picture.ts';

const signature = '89504e470d0a1a0a';

/** Larger pictures are no input of a model, and a small file must not unpack to fill the memory. */
const maxPixels = 2 ** 26;

/** Samples per pixel by colour type: grey, RGB, palette, grey with alpha, RGB with alpha. */
const samplesPerPixel: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

interface Head {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colour: number;
  readonly interlaced: boolean;
}

/** Whether the file begins as PNG files do. */
export function isPng(file: Buffer): boolean {
  return file.toString('hex', 0, 8) === signature;
}

/**
 * Reads PNG of 8 bits a sample, or fewer for grey and palettes, without interlace: what common tools write. Alpha is
 * dropped. @throws ServingError with reason USAGE
 */
export function readPng(file: Buffer, name: string): Picture {
  const { head, palette, packed } = chunks(file, name);
  const { width, height, depth, colour } = head;
  const perPixel = samplesPerPixel[colour];
  if (
    perPixel === undefined ||
    depth > 8 ||
    head.interlaced ||
    width * height > maxPixels ||
    width * height === 0
  ) {
    throw usageError(
      `${name}: this kind of PNG is not read; save it with 8 bits a sample and without interlace`,
    );
  }
  const rowBytes = Math.ceil((width * perPixel * depth) / 8);
  const pixelBytes = Math.max(1, (perPixel * depth) >> 3);
  const raw = unpack(packed, height * (rowBytes + 1), name);
  const rows = unfilter(raw, { height, rowBytes, pixelBytes });
  if (colour === 3) return fromPalette(rows, head, rowBytes, palette, name);
  return depth < 8 ? fromBits(rows, head, rowBytes) : withoutAlpha(rows, head, perPixel);
}

function chunks(file: Buffer, name: string): { head: Head; palette: Buffer; packed: Buffer } {
  let head: Head | undefined;
  let palette: Buffer = Buffer.alloc(0);
  const parts: Buffer[] = [];
  for (let offset = 8; offset + 12 <= file.length;) {
    const length = file.readUInt32BE(offset);
    const type = file.toString('latin1', offset + 4, offset + 8);
    const body = file.subarray(offset + 8, offset + 8 + length);
    if (type === 'IHDR' && body.length >= 13) head = readHead(body);
    else if (type === 'PLTE') palette = body;
    else if (type === 'IDAT') parts.push(body);
    offset += 12 + length;
  }
  if (head === undefined || parts.length === 0) throw damaged(name);
  return { head, palette, packed: Buffer.concat(parts) };
}

function readHead(body: Buffer): Head {
  return {
    width: body.readUInt32BE(0),
    height: body.readUInt32BE(4),
    depth: body.readUInt8(8),
    colour: body.readUInt8(9),
    interlaced: body.readUInt8(12) !== 0,
  };
}

function unpack(packed: Buffer, sizeBytes: number, name: string): Buffer {
  try {
    const raw = inflateSync(packed, { maxOutputLength: sizeBytes + 1 });
    if (raw.length >= sizeBytes) return raw;
  } catch {
    // Reported below: why zlib failed helps nobody.
  }
  throw damaged(name);
}

interface Layout {
  readonly height: number;
  readonly rowBytes: number;
  readonly pixelBytes: number;
}

/** Undoes the row filters of the PNG specification, section 9. */
function unfilter(raw: Buffer, { height, rowBytes, pixelBytes }: Layout): Uint8Array {
  const rows = new Uint8Array(height * rowBytes);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (rowBytes + 1)] ?? 0;
    const source = y * (rowBytes + 1) + 1;
    const target = y * rowBytes;
    for (let x = 0; x < rowBytes; x++) {
      const left = x >= pixelBytes ? (rows[target + x - pixelBytes] ?? 0) : 0;
      const up = y > 0 ? (rows[target + x - rowBytes] ?? 0) : 0;
      const upLeft = y > 0 && x >= pixelBytes ? (rows[target + x - rowBytes - pixelBytes] ?? 0) : 0;
      rows[target + x] = (raw[source + x] ?? 0) + predicted(filter, left, up, upLeft);
    }
  }
  return rows;
}

function predicted(filter: number, left: number, up: number, upLeft: number): number {
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  if (filter !== 4) return 0;
  const estimate = left + up - upLeft;
  const toLeft = Math.abs(estimate - left);
  const toUp = Math.abs(estimate - up);
  const toUpLeft = Math.abs(estimate - upLeft);
  if (toLeft <= toUp && toLeft <= toUpLeft) return left;
  return toUp <= toUpLeft ? up : upLeft;
}

function fromBits(rows: Uint8Array, { width, height, depth }: Head, rowBytes: number): Picture {
  const samples = bits(rows, { width, height, depth, rowBytes });
  return { width, height, channels: 1, maximum: 2 ** depth - 1, samples };
}

function bits(
  rows: Uint8Array,
  { width, height, depth, rowBytes }: { width: number; height: number; depth: number; rowBytes: number },
): Uint8Array {
  const samples = new Uint8Array(width * height);
  for (let index = 0; index < samples.length; index++) {
    const bit = (index % width) * depth;
    const byte = rows[Math.floor(index / width) * rowBytes + (bit >> 3)] ?? 0;
    samples[index] = (byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
  }
  return samples;
}

function fromPalette(rows: Uint8Array, head: Head, rowBytes: number, palette: Buffer, name: string): Picture {
  const { width, height, depth } = head;
  const samples = new Uint8Array(width * height * 3);
  for (const [index, entry] of bits(rows, { width, height, depth, rowBytes }).entries()) {
    if (entry * 3 + 2 >= palette.length) throw damaged(name);
    samples.set(palette.subarray(entry * 3, entry * 3 + 3), index * 3);
  }
  return { width, height, channels: 3, maximum: 255, samples };
}

function withoutAlpha(rows: Uint8Array, { width, height }: Head, perPixel: number): Picture {
  const channels = perPixel <= 2 ? 1 : 3;
  if (perPixel === channels) return { width, height, channels, maximum: 255, samples: rows };
  const samples = new Uint8Array(width * height * channels);
  for (let index = 0; index < samples.length; index++) {
    samples[index] = rows[Math.floor(index / channels) * perPixel + (index % channels)] ?? 0;
  }
  return { width, height, channels, maximum: 255, samples };
}

function damaged(name: string): Error {
  return usageError(`${name}: the PNG image is damaged`);
}
