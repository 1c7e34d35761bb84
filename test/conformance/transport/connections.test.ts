import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import { TestServer } from './support/server.ts';
import { servicePath } from './support/service.ts';
import { transports } from './support/transports.ts';
import { frame, WireClient } from './support/wire.ts';

/** So long that the call of a new connection has arrived by then, on a machine that has much else to do as well. */
const callableMs = 1_000;

/** A client connection that speaks HTTP/2's opening and then says and reads nothing. */
async function openSilently(port: number): Promise<{ closed: Promise<void> }> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve);
  });
  socket.write(
    Buffer.concat([
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
    ]),
  );
  return { closed };
}

for (const { name, start } of transports) {
  describe(`connections on ${name}`, () => {
    it('closes a connection whose peer does not answer pings', async () => {
      await using test = await TestServer.start(start, { keepaliveTimeMs: 50, keepaliveTimeoutMs: 50 });
      const silent = await openSilently(test.server.port);
      await silent.closed;
    });

    it('keeps a connection whose peer answers pings', async () => {
      await using test = await TestServer.start(start, { keepaliveTimeMs: 20, keepaliveTimeoutMs: 60_000 });
      await using wire = new WireClient(test.server.address);
      let pings = 0;
      await new Promise<void>((resolve) => {
        wire.session.on('ping', () => {
          if (++pings === 3) resolve();
        });
      });
      const { trailers } = await wire.call(`${servicePath}Echo`, frame(Buffer.alloc(0)));
      assert.equal(trailers?.['grpc-status'], '0');
    });

    it('closes connections that have no calls for the idle time', async () => {
      await using test = await TestServer.start(start, { maxConnectionIdleMs: callableMs });
      await using wire = new WireClient(test.server.address);
      const { trailers } = await wire.call(`${servicePath}Echo`, frame(Buffer.alloc(0)));
      assert.equal(trailers?.['grpc-status'], '0');
      await wire.closed;
      assert.ok(wire.goaways.length > 0);
    });

    it('asks old connections to go, and lets their calls finish within the grace', async () => {
      await using test = await TestServer.start(start, {
        maxConnectionAgeMs: callableMs,
        maxConnectionAgeGraceMs: 60_000,
      });
      await using wire = new WireClient(test.server.address);
      const toldToGo = new Promise((resolve) => wire.session.once('goaway', resolve));
      const call = wire.call(`${servicePath}Hold`, frame(Buffer.alloc(0)));
      const held = await test.service.held();
      await toldToGo;
      held.release(Buffer.from('late but whole'));
      assert.deepEqual((await call).body, frame(Buffer.from('late but whole')));
      await wire.closed;
    });

    it('cuts calls off that outlive the grace of their connection', async () => {
      await using test = await TestServer.start(start, {
        maxConnectionAgeMs: callableMs,
        maxConnectionAgeGraceMs: 30,
      });
      await using wire = new WireClient(test.server.address);
      void wire.call(`${servicePath}Hold`, frame(Buffer.alloc(0)));
      const held = await test.service.held();
      await held.cancelled;
      await wire.closed;
    });

    it('survives bytes that are not HTTP/2', async () => {
      await using test = await TestServer.start(start);
      for (const bytes of [
        'GET / HTTP/1.1\r\nhost: x\r\n\r\n',
        '\0'.repeat(100),
        'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nno!',
      ]) {
        const socket = connect(test.server.port, '127.0.0.1');
        socket.on('error', () => {});
        socket.resume();
        socket.end(bytes);
        await new Promise((resolve) => socket.once('close', resolve));
      }
      assert.equal((await test.client().unary('Echo', Buffer.alloc(0))).code, status.OK);
    });

    it('fails to start on a port that is taken', async () => {
      await using test = await TestServer.start(start);
      const taken = { host: '127.0.0.1', port: test.server.port };
      await assert.rejects(TestServer.start(start, { listen: taken }), { code: 'EADDRINUSE' });
    });
  });

  describe(`Unix sockets on ${name}`, () => {
    async function socketFolder(): Promise<{ path: string } & AsyncDisposable> {
      const folder = await mkdtemp(join(tmpdir(), 'tensorgate-'));
      return {
        path: join(folder, 'grpc.sock'),
        [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
      };
    }

    it('serves calls, names itself as peer, and removes the socket at the end', async () => {
      await using folder = await socketFolder();
      {
        await using test = await TestServer.start(start, { listen: { unixPath: folder.path } });
        assert.equal(test.server.address, `unix:${folder.path}`);
        const { code, reply } = await test.client().unary('Peer', Buffer.alloc(0));
        assert.equal(code, status.OK);
        assert.equal(reply?.toString(), `unix:${folder.path}`);
      }
      await assert.rejects(stat(folder.path), { code: 'ENOENT' });
    });

    it('takes the place of a socket that nobody listens on any more', async () => {
      await using folder = await socketFolder();
      // A process that dies leaves its socket behind; closing the handle without the path does the same.
      const { spawnSync } = await import('node:child_process');
      const script = `require('node:net').createServer().listen(${JSON.stringify(folder.path)}, () => process.kill(process.pid, 'SIGKILL'))`;
      spawnSync(process.execPath, ['-e', script]);
      assert.ok((await stat(folder.path)).isSocket());
      await using test = await TestServer.start(start, { listen: { unixPath: folder.path } });
      assert.equal((await test.client().unary('Echo', Buffer.alloc(0))).code, status.OK);
    });

    it('leaves a socket alone that somebody listens on', async () => {
      await using folder = await socketFolder();
      const other = createServer();
      await new Promise<void>((resolve) => other.listen(folder.path, resolve));
      await assert.rejects(TestServer.start(start, { listen: { unixPath: folder.path } }), {
        code: 'EADDRINUSE',
      });
      await new Promise((resolve) => other.close(resolve));
    });
  });
}
