import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorizationFor } from '../../../src/sources/token-file.ts';
import { refusalOf } from '../../support/refusal.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

test('each host gets its own token, and others none', () => {
  using folder = new TemporaryFolder();
  const file = folder.write('tokens', '# ours\nhttps://a.example tok-a\n\nhttps://b.example:8443  tok-b\n');
  assert.equal(authorizationFor(file, 'https://a.example'), 'Bearer tok-a');
  assert.equal(authorizationFor(file, 'https://b.example:8443'), 'Bearer tok-b');
  assert.equal(authorizationFor(file, 'https://b.example'), undefined);
  assert.equal(authorizationFor(undefined, 'https://a.example'), undefined);
});

test('no token is sent where everybody could read it, but to this machine', () => {
  using folder = new TemporaryFolder();
  const file = folder.write('tokens', 'http://a.example tok\nhttp://127.0.0.1:80 own\n');
  assert.match(refusalOf(() => authorizationFor(file, 'http://a.example')).message, /without encryption/);
  assert.equal(authorizationFor(file, 'http://127.0.0.1'), 'Bearer own');
});

for (const content of [
  'secret',
  'https://a.example secret more',
  'host secret',
  'https://a.example s\x01cret',
]) {
  test(`a wrong line is named by its number alone: ${JSON.stringify(content.replace('secret', '...'))}`, () => {
    using folder = new TemporaryFolder();
    const { message } = refusalOf(() => authorizationFor(folder.write('tokens', content), 'https://x'));
    assert.match(message, /^line 1 of/);
    assert.doesNotMatch(message, /cret/);
  });
}

test('a file that is not there is said so, without its path', () => {
  assert.match(
    refusalOf(() => authorizationFor('/nowhere/tokens', 'https://x')).message,
    /--source-token-file cannot be read/,
  );
});
