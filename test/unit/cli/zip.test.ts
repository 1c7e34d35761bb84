import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { extractZipEntry, listZip } from '../../../src/cli/zip.ts';
import { buildZip } from '../../support/build-zip.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

const content = Buffer.from('a library '.repeat(100));

for (const method of ['packed', 'stored'] as const) {
  test(`a ${method} file comes out as it went in`, async () => {
    using folder = new TemporaryFolder();
    const path = folder.write(
      'a.zip',
      buildZip({ 'x/readme': Buffer.from('hi'), 'x/lib.so': content }, method),
    );
    const entries = await listZip(path);
    assert.deepEqual(
      entries.map(({ name }) => name),
      ['x/readme', 'x/lib.so'],
    );
    const target = join(folder.path, 'lib.so');
    await extractZipEntry(path, entries[1]!, target);
    assert.deepEqual(readFileSync(target), content);
  });
}

test('an empty file comes out empty', async () => {
  using folder = new TemporaryFolder();
  const path = folder.write('a.zip', buildZip({ empty: Buffer.alloc(0) }, 'stored'));
  const [entry] = await listZip(path);
  await extractZipEntry(path, entry!, join(folder.path, 'empty'));
  assert.equal(readFileSync(join(folder.path, 'empty')).length, 0);
});

test('a file whose content or size is not what the archive says is refused', async () => {
  using folder = new TemporaryFolder();
  const path = folder.write('a.zip', buildZip({ lib: content }));
  const [entry] = await listZip(path);
  const target = join(folder.path, 'lib');
  await assert.rejects(extractZipEntry(path, { ...entry!, crc: 1 }, target), /lib is damaged/);
  await assert.rejects(
    extractZipEntry(path, { ...entry!, sizeBytes: 10 }, target),
    /larger than the archive says/,
  );
});

test('what is no archive, or a damaged one, is refused', async () => {
  using folder = new TemporaryFolder();
  await assert.rejects(listZip(folder.write('a.txt', 'hello')), /not a ZIP archive/);
  await assert.rejects(listZip(join(folder.path, 'missing')), /cannot read .*ENOENT/);
  const archive = buildZip({ lib: content });
  archive.writeUInt32LE(0x7fffffff, archive.length - 6);
  await assert.rejects(listZip(folder.write('b.zip', archive)), /ZIP64|cut off/);
});
