import { closeSync, openSync, readSync } from 'node:fs';

/** What the dynamic loader reads from a shared library. */
export interface ElfDependencies {
  readonly needed: readonly string[];
  /** Of DT_RUNPATH and DT_RPATH, `$ORIGIN` still in them. */
  readonly searchPaths: readonly string[];
}

const headerBytes = 64;
const dynamicEntryBytes = 16;
const segment = { load: 1, dynamic: 2 } as const;
const tag = { end: 0, needed: 1, strings: 5, rpath: 15, runpath: 29 } as const;
/** Nothing that is read here is larger in a sound file. */
const mostTableBytes = 16 * 2 ** 20;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly sizeBytes: number;
}

/** Reads a 64-bit little-endian ELF file's dynamic section. undefined for any other file. */
export function readElfDependencies(path: string): ElfDependencies | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    return dependenciesOf(file);
  } catch {
    return undefined;
  } finally {
    closeSync(file);
  }
}

function dependenciesOf(file: number): ElfDependencies | undefined {
  const header = read(file, 0, headerBytes);
  const is64LittleEndian = header.readUInt32BE(0) === 0x7f454c46 && header[4] === 2 && header[5] === 1;
  if (!is64LittleEndian) return undefined;
  const segments = readSegments(file, header);
  const dynamic = segments.find(({ type }) => type === segment.dynamic);
  if (dynamic === undefined) return { needed: [], searchPaths: [] };

  const table = read(file, dynamic.offset, dynamic.sizeBytes);
  const entries: { readonly tag: number; readonly value: number }[] = [];
  for (let at = 0; at + dynamicEntryBytes <= table.length; at += dynamicEntryBytes) {
    const entry = { tag: Number(table.readBigInt64LE(at)), value: Number(table.readBigUInt64LE(at + 8)) };
    if (entry.tag === tag.end) break;
    entries.push(entry);
  }
  const stringsAddress = entries.find((entry) => entry.tag === tag.strings)?.value;
  if (stringsAddress === undefined) return { needed: [], searchPaths: [] };
  const stringsOffset = fileOffset(segments, stringsAddress);
  const textsOf = (...tags: readonly number[]) =>
    entries
      .filter((entry) => tags.includes(entry.tag))
      .map((entry) => readText(file, stringsOffset + entry.value));
  return {
    needed: textsOf(tag.needed),
    searchPaths: textsOf(tag.runpath, tag.rpath).flatMap((paths) => paths.split(':')),
  };
}

function readSegments(file: number, header: Buffer): Segment[] {
  const offset = Number(header.readBigUInt64LE(32));
  const entryBytes = header.readUInt16LE(54);
  const table = read(file, offset, entryBytes * header.readUInt16LE(56));
  const segments: Segment[] = [];
  for (let at = 0; at + entryBytes <= table.length; at += entryBytes) {
    segments.push({
      type: table.readUInt32LE(at),
      offset: Number(table.readBigUInt64LE(at + 8)),
      address: Number(table.readBigUInt64LE(at + 16)),
      sizeBytes: Number(table.readBigUInt64LE(at + 32)),
    });
  }
  return segments;
}

function fileOffset(segments: readonly Segment[], address: number): number {
  const holder = segments.find(
    ({ type, address: start, sizeBytes }) =>
      type === segment.load && address >= start && address < start + sizeBytes,
  );
  return holder === undefined ? address : address - holder.address + holder.offset;
}

function read(file: number, offset: number, sizeBytes: number): Buffer {
  if (sizeBytes > mostTableBytes) throw new RangeError('table too large');
  const bytes = Buffer.alloc(sizeBytes);
  return bytes.subarray(0, readSync(file, bytes, 0, sizeBytes, offset));
}

function readText(file: number, offset: number): string {
  const bytes = read(file, offset, 4_096);
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end === -1 ? bytes.length : end);
}
