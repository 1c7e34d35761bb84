import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw } from 'node:zlib';
import { usageError } from './command.ts';
import { errorCode } from './server-flags.ts';

/** One file in a ZIP archive. */
export interface ZipEntry {
  readonly name: string;
  readonly sizeBytes: number;
  readonly packedBytes: number;
  readonly crc: number;
  readonly stored: boolean;
  /** Of the entry's own header. */
  readonly offset: number;
}

const endBytes = 22;
const maxCommentBytes = 65_535;
const signatures = { end: 0x06054b50, central: 0x02014b50, local: 0x04034b50 } as const;

/** Lists an archive from its directory. Archives that need ZIP64 are refused. @throws ServingError with reason USAGE */
export async function listZip(path: string): Promise<ZipEntry[]> {
  await using file = await openArchive(path);
  const { size } = await file.stat();
  const tail = await readAt(
    file,
    Math.max(0, size - endBytes - maxCommentBytes),
    Math.min(size, endBytes + maxCommentBytes),
  );
  const at = lastEnd(tail);
  if (at === -1) throw usageError(`${path} is not a ZIP archive (wheels and NuGet packages are)`);
  const count = tail.readUInt16LE(at + 10);
  const length = tail.readUInt32LE(at + 12);
  const offset = tail.readUInt32LE(at + 16);
  if (count === 0xffff || offset === 0xffffffff || offset + length > size) {
    throw usageError(`${path}: archives in ZIP64 format, or cut off, are not read`);
  }
  return readDirectory(await readAt(file, offset, length), count, path);
}

async function openArchive(path: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (error) {
    throw usageError(`cannot read ${path}${errorCode(error)}`);
  }
}

async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
  return buffer.subarray(0, bytesRead);
}

function lastEnd(tail: Buffer): number {
  for (let at = tail.length - endBytes; at >= 0; at--)
    if (tail.readUInt32LE(at) === signatures.end) return at;
  return -1;
}

function readDirectory(directory: Buffer, count: number, path: string): ZipEntry[] {
  const entries: ZipEntry[] = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== signatures.central) {
      throw usageError(`${path}: the archive's directory is damaged`);
    }
    const nameBytes = directory.readUInt16LE(at + 28);
    const method = directory.readUInt16LE(at + 10);
    if (method !== 0 && method !== 8)
      throw usageError(`${path} is packed with a method that is not read (${method})`);
    entries.push({
      name: directory.toString('utf8', at + 46, at + 46 + nameBytes),
      sizeBytes: directory.readUInt32LE(at + 24),
      packedBytes: directory.readUInt32LE(at + 20),
      crc: directory.readUInt32LE(at + 16),
      stored: method === 0,
      offset: directory.readUInt32LE(at + 42),
    });
    at += 46 + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

/**
 * Unpacks one entry into `target`, which is overwritten. Size and checksum are verified; on failure an incomplete file
 * stays behind for the caller to remove. @throws ServingError with reason USAGE
 */
export async function extractZipEntry(path: string, entry: ZipEntry, target: string): Promise<void> {
  const start = await dataOffset(path, entry);
  let size = 0;
  let crc = 0;
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      crc = crc32(chunk, crc);
      if (size > entry.sizeBytes) done(usageError(`${entry.name} is larger than the archive says`));
      else done(null, chunk);
    },
  });
  if (entry.packedBytes === 0) {
    const empty = createWriteStream(target);
    empty.end();
    await once(empty, 'close');
  } else {
    const source = createReadStream(path, { start, end: start + entry.packedBytes - 1 });
    const output = createWriteStream(target);
    await (entry.stored
      ? pipeline(source, check, output)
      : pipeline(source, createInflateRaw(), check, output));
  }
  if (size !== entry.sizeBytes || crc !== entry.crc)
    throw usageError(`${entry.name} is damaged in the archive`);
}

async function dataOffset(path: string, entry: ZipEntry): Promise<number> {
  await using file = await openArchive(path);
  const header = await readAt(file, entry.offset, 30);
  if (header.length < 30 || header.readUInt32LE(0) !== signatures.local)
    throw usageError(`${path}: ${entry.name} is not where the archive says`);
  return entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
}
