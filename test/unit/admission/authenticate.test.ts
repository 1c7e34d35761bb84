import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { test } from 'node:test';
import { createAuthenticator, type Authenticator } from '../../../src/admission/authenticate.ts';
import { ServingError } from '../../../src/errors.ts';
import type { Logger } from '../../../src/inference/logger.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

const first = 'first-key-of-the-test';
const second = 'second-key-of-the-test';

function keys(...entries: readonly (readonly [string, string])[]): string {
  return JSON.stringify({ keys: entries.map(([principal, key]) => ({ principal, key })) });
}

class Setup implements Disposable {
  readonly folder = new TemporaryFolder();
  readonly clock = new FakeClock();
  readonly lines: string[] = [];
  readonly path: string;
  readonly authenticator: Authenticator;

  constructor() {
    this.path = this.folder.write('keys.json', keys(['alice', first]));
    chmodSync(this.path, 0o600);
    const say = (level: string) => (_fields: object, message: string) =>
      void this.lines.push(`${level} ${message}`);
    const logger: Logger = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
    this.authenticator = createAuthenticator({
      keysFile: this.path,
      anonymousScopes: [],
      logger,
      clock: this.clock,
    });
  }

  who(headers: Record<string, string>): string {
    try {
      return this.authenticator.authenticate((name) => headers[name]).name;
    } catch (error) {
      assert.ok(error instanceof ServingError);
      return `${error.code} ${error.reason}`;
    }
  }

  [Symbol.dispose](): void {
    this.authenticator[Symbol.dispose]();
    this.folder[Symbol.dispose]();
  }
}

test('without a file everyone is anonymous, with the scopes that the server decides', () => {
  const { authenticate } = createAuthenticator({
    keysFile: undefined,
    anonymousScopes: ['infer', 'admin'],
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    clock: new FakeClock(),
  });
  const principal = authenticate(() => 'ignored');
  assert.equal(principal.name, 'anonymous');
  assert.deepEqual([...principal.scopes], ['infer', 'admin']);
});

test('a key is taken from either header', () => {
  using setup = new Setup();
  assert.equal(setup.who({ 'x-api-key': first }), 'alice');
  assert.equal(setup.who({ authorization: `Bearer ${first}` }), 'alice');
  assert.equal(setup.who({ authorization: `bearer  ${first} ` }), 'alice');
});

test('no key, another scheme and a wrong key are told apart', () => {
  using setup = new Setup();
  assert.equal(setup.who({}), 'unauthenticated API_KEY_MISSING');
  assert.equal(setup.who({ authorization: `Basic ${first}` }), 'unauthenticated API_KEY_MISSING');
  assert.equal(setup.who({ 'x-api-key': second }), 'unauthenticated API_KEY_INVALID');
  assert.equal(setup.who({ 'x-api-key': 'x'.repeat(100_000) }), 'unauthenticated API_KEY_INVALID');
});

test('a changed file counts after five seconds, the old keys no longer do', () => {
  using setup = new Setup();
  setup.folder.write('keys.json', keys(['bob', second], ['carol', `${second}-2`]));
  setup.clock.advance(4999);
  assert.equal(setup.who({ 'x-api-key': first }), 'alice');
  setup.clock.advance(1);
  assert.equal(setup.who({ 'x-api-key': first }), 'unauthenticated API_KEY_INVALID');
  assert.equal(setup.who({ 'x-api-key': second }), 'bob');
  assert.deepEqual(setup.lines, ['info API keys read again']);
});

test('a change that is wrong is logged once, the earlier keys stay, and a repaired file counts', () => {
  using setup = new Setup();
  setup.folder.write('keys.json', '{"keys": [{"principal": "bob"}]}');
  setup.clock.advance(20_000);
  assert.equal(setup.who({ 'x-api-key': first }), 'alice');
  assert.deepEqual(setup.lines, ['error API keys not read again, the earlier ones stay']);
  setup.folder.write('keys.json', keys(['bob', `${second}-repaired`]));
  setup.clock.advance(5000);
  assert.equal(setup.who({ 'x-api-key': `${second}-repaired` }), 'bob');
});

test('a file that every user can read is warned about', () => {
  using setup = new Setup();
  assert.deepEqual(setup.lines, []);
  chmodSync(setup.path, 0o644);
  setup.folder.write('keys.json', keys(['alice', first], ['bob', second]));
  setup.clock.advance(5000);
  assert.match(setup.lines.join('\n'), /warn the API keys file can be read by every user/);
});

test('disposing ends the watch', () => {
  const setup = new Setup();
  setup[Symbol.dispose]();
  assert.equal(setup.clock.pending, 0);
});
