/** A minimal 64-bit little-endian ELF library that needs `needed`, searched in `runpath` first. */
export function buildElf(needed: readonly string[], runpath = ''): Buffer {
  const strings = Buffer.from(`\0${[...needed, runpath].join('\0')}\0`);
  const dynamicOffset = 256;
  const stringsOffset = 2_048;
  const baseAddress = 0x1000;
  const file = Buffer.alloc(stringsOffset + strings.length);
  file.write('\x7fELF', 0, 'latin1');
  file[4] = 2;
  file[5] = 1;
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(2, 56);
  const segment = (at: number, type: number, offset: number, sizeBytes: number) => {
    file.writeUInt32LE(type, at);
    file.writeBigUInt64LE(BigInt(offset), at + 8);
    file.writeBigUInt64LE(BigInt(baseAddress + offset), at + 16);
    file.writeBigUInt64LE(BigInt(sizeBytes), at + 32);
  };
  const entries: [tag: number, value: number][] = [[5, baseAddress + stringsOffset]];
  let offset = 1;
  for (const name of needed) {
    entries.push([1, offset]);
    offset += Buffer.byteLength(name) + 1;
  }
  if (runpath !== '') entries.push([29, offset]);
  entries.push([0, 0]);
  segment(64, 1, 0, file.length);
  segment(120, 2, dynamicOffset, entries.length * 16);
  for (const [index, [tag, value]] of entries.entries()) {
    file.writeBigInt64LE(BigInt(tag), dynamicOffset + index * 16);
    file.writeBigUInt64LE(BigInt(value), dynamicOffset + index * 16 + 8);
  }
  strings.copy(file, stringsOffset);
  return file;
}

/** A loader cache in glibc's format that knows `libraries`, name to path; those in `foreign` as 32-bit ones. */
export function buildLoaderCache(
  libraries: Readonly<Record<string, string>>,
  foreign: readonly string[] = [],
): Buffer {
  const names = Object.entries(libraries);
  const tableEnd = 48 + names.length * 24;
  const strings = Buffer.from(names.map(([name, path]) => `${name}\0${path}\0`).join(''));
  const cache = Buffer.alloc(tableEnd + strings.length);
  cache.write('glibc-ld.so.cache1.1', 0, 'latin1');
  cache.writeUInt32LE(names.length, 20);
  let offset = tableEnd;
  for (const [index, [name, path]] of names.entries()) {
    const at = 48 + index * 24;
    cache.writeInt32LE(foreign.includes(name) ? 0x0003 : 0x0303, at);
    cache.writeUInt32LE(offset, at + 4);
    offset += Buffer.byteLength(name) + 1;
    cache.writeUInt32LE(offset, at + 8);
    offset += Buffer.byteLength(path) + 1;
  }
  strings.copy(cache, tableEnd);
  return cache;
}
