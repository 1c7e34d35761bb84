import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { credentials, status, type ChannelCredentials } from '@grpc/grpc-js';
import { systemClock, type Clock } from '../../../src/util/clock.ts';
import { TestServer } from './support/server.ts';
import { transports } from './support/transports.ts';

const fixtures = new URL('../../fixtures/tls/', import.meta.url);

function fixture(name: string): string {
  return new URL(`${name}.pem`, fixtures).pathname;
}

/** Credentials of a client that trusts the test authority, with a certificate of its own or without. */
async function clientCredentials(own?: string): Promise<ChannelCredentials> {
  const authority = await readFile(fixture('authority'));
  if (own === undefined) return credentials.createSsl(authority);
  return credentials.createSsl(
    authority,
    await readFile(fixture(`${own}-key`)),
    await readFile(fixture(own)),
  );
}

/** The certificates name localhost, and TLS sends no addresses as names. */
const local = { 'grpc.ssl_target_name_override': 'localhost' };

const files = { cert: fixture('server'), key: fixture('server-key'), clientCa: undefined };

/** The name in the certificate that a server shows to a new connection. */
function shownName(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls(
      { port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] },
      () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      },
    );
    socket.once('error', reject);
  });
}

/** The system's clock, but timers wait for the test. */
class ManualTimers implements Clock {
  readonly #timers = new Set<() => void>();

  now(): number {
    return systemClock.now();
  }

  epochMs(): number {
    return systemClock.epochMs();
  }

  after(_delayMs: number, run: () => void): Disposable {
    this.#timers.add(run);
    return { [Symbol.dispose]: () => this.#timers.delete(run) };
  }

  fire(): void {
    const due = [...this.#timers];
    this.#timers.clear();
    for (const run of due) run();
  }
}

for (const { name, start } of transports) {
  describe(`TLS on ${name}`, () => {
    it('serves clients that trust the certificate, large messages too', async () => {
      await using test = await TestServer.start(start, { tls: files });
      const client = test.client(local, await clientCredentials());
      const message = Buffer.alloc(1_000_000, 7);
      const { code, reply } = await client.unary('Echo', message);
      assert.equal(code, status.OK);
      assert.ok(reply?.equals(message));
    });

    it('does not serve plain clients', async () => {
      await using test = await TestServer.start(start, { tls: files });
      const { code } = await test.client().unary('Echo', Buffer.alloc(0), { deadlineMs: 60_000 });
      assert.equal(code, status.UNAVAILABLE);
    });

    it('with mutual TLS serves only clients with a certificate of the authority', async () => {
      await using test = await TestServer.start(start, {
        tls: { ...files, clientCa: fixture('authority') },
      });
      const known = test.client(local, await clientCredentials('client'));
      assert.equal((await known.unary('Echo', Buffer.alloc(0))).code, status.OK);
      for (const own of [undefined, 'stranger']) {
        const unknown = test.client(local, await clientCredentials(own));
        const { code } = await unknown.unary('Echo', Buffer.alloc(0), { deadlineMs: 60_000 });
        assert.equal(code, status.UNAVAILABLE, own ?? 'none');
      }
    });

    it('shows a new certificate after the files changed, and keeps the old one while they do not fit', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'tensorgate-'));
      const cert = join(folder, 'cert.pem');
      const key = join(folder, 'key.pem');
      await copyFile(fixture('server'), cert);
      await copyFile(fixture('server-key'), key);
      const clock = new ManualTimers();
      const said: string[] = [];
      let heard = Promise.withResolvers<void>();
      const hear = (_fields: object, message: string): void => {
        said.push(message);
        heard.resolve();
      };
      const logger = { debug() {}, info: hear, warn: hear, error: hear };
      {
        await using test = await TestServer.start(start, {
          tls: { cert, key, clientCa: undefined },
          clock,
          logger,
        });
        const before = test.client(local, await clientCredentials());
        assert.equal((await before.unary('Echo', Buffer.alloc(0))).code, status.OK);
        assert.equal(await shownName(test.server.port), 'server');
        await copyFile(fixture('renewed'), cert);
        clock.fire();
        await heard.promise;
        assert.match(said.at(-1) ?? '', /could not be reloaded/);
        assert.equal(await shownName(test.server.port), 'server');
        heard = Promise.withResolvers();
        await copyFile(fixture('renewed-key'), key);
        while (!/were reloaded/.test(said.at(-1) ?? '')) {
          clock.fire();
          await new Promise((resolve) => setImmediate(resolve));
        }
        assert.equal(await shownName(test.server.port), 'renewed');
        assert.equal((await before.unary('Echo', Buffer.alloc(0))).code, status.OK);
      }
      await rm(folder, { recursive: true });
    });

    it('does not start with files that are missing or no certificates', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'tensorgate-'));
      const broken = join(folder, 'broken.pem');
      await writeFile(broken, 'not a certificate');
      for (const cert of [broken, join(folder, 'missing.pem')]) {
        await assert.rejects(TestServer.start(start, { tls: { ...files, cert } }), {
          code: 'failed_precondition',
        });
      }
      await rm(folder, { recursive: true });
    });

    it('survives clients that leave within the handshake, and does not wait for them at the end', async () => {
      await using test = await TestServer.start(start, { tls: files });
      const { connect } = await import('node:net');
      const socket = connect(test.server.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume();
      socket.write(Buffer.from([22, 3, 1, 2, 0, 1]));
      const client = test.client(local, await clientCredentials());
      assert.equal((await client.unary('Echo', Buffer.alloc(0))).code, status.OK);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      client.close();
      await test.server.drain(60_000);
      await closed;
    });
  });
}
