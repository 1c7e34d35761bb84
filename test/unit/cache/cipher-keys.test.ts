import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { CipherKeys } from '../../../src/cache/cipher-keys.ts';
import { openValue, sealValue } from '../../../src/cache/value-cipher.ts';
import { silentLogger } from '../../../src/inference/logger.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { refusalOf } from '../../support/refusal.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

const old = randomBytes(32).toString('hex');
const fresh = randomBytes(32).toString('hex');

test('a new first key seals, and values of the one before it are still opened', () => {
  using folder = new TemporaryFolder();
  const clock = new FakeClock();
  using keys = new CipherKeys(folder.write('keys', `${old}\n`), { clock, logger: silentLogger });
  const sealedBefore = sealValue(keys.keys[0], 'n', Buffer.from('a'));
  folder.write('keys', `# of today\n${fresh}\n\n${old}\n`);
  clock.advance(5000);
  const sealed = sealValue(keys.keys[0], 'n', Buffer.from('b'));
  assert.equal(keys.keys.length, 2);
  assert.equal(openValue(keys.keys, 'n', sealedBefore)?.toString(), 'a');
  assert.equal(openValue(keys.keys, 'n', sealed)?.toString(), 'b');
  assert.equal(openValue(keys.keys.slice(1), 'n', sealed), undefined);
});

for (const [what, content] of [
  ['no key', '# nothing\n'],
  ['a short key', `${old.slice(2)}\n`],
  ['something else', 'password\n'],
  ['too many keys', `${old}\n`.repeat(101)],
] as const) {
  test(`a file with ${what} is refused at the start, and later leaves the keys as they were`, () => {
    using folder = new TemporaryFolder();
    const clock = new FakeClock();
    const said: string[] = [];
    const logger = { ...silentLogger, error: (_: object, message: string) => void said.push(message) };
    const bad = folder.write('bad', content);
    const refusal = refusalOf(() => new CipherKeys(bad, { clock, logger }));
    assert.equal(refusal.code, 'failed_precondition');
    assert.equal(refusal.message.includes(old.slice(2)), false);
    using keys = new CipherKeys(folder.write('keys', old), { clock, logger });
    const [before] = keys.keys;
    folder.write('keys', content);
    clock.advance(15_000);
    assert.deepEqual(keys.keys, [before]);
    assert.equal(said.length, 1);
  });
}

test('a file that goes and comes back is read again, and its absence is said once', () => {
  using folder = new TemporaryFolder();
  const clock = new FakeClock();
  const said: string[] = [];
  const logger = { ...silentLogger, error: (_: object, message: string) => void said.push(message) };
  const file = folder.write('keys', old);
  using keys = new CipherKeys(file, { clock, logger });
  rmSync(file);
  clock.advance(15_000);
  assert.deepEqual([keys.keys.length, said.length], [1, 1]);
  folder.write('keys', `${fresh}\n${old}`);
  clock.advance(5000);
  assert.equal(keys.keys.length, 2);
});
