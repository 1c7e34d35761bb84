import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { compressionAlgorithms, status } from '@grpc/grpc-js';
import { TestServer } from './support/server.ts';
import { servicePath } from './support/service.ts';
import { transports } from './support/transports.ts';
import { frame, WireClient } from './support/wire.ts';

const codecs = {
  gzip: { compress: gzipSync, decompress: gunzipSync },
  deflate: { compress: deflateSync, decompress: inflateSync },
} as const;

for (const { name, start } of transports) {
  describe(`compression on ${name}`, () => {
    for (const [encoding, { compress, decompress }] of Object.entries(codecs)) {
      const headers = { 'grpc-encoding': encoding, 'grpc-accept-encoding': `identity,${encoding}` };

      it(`reads ${encoding} and answers large replies with it`, async () => {
        await using test = await TestServer.start(start);
        await using wire = new WireClient(test.server.address);
        const message = Buffer.alloc(100_000, 'compressible ');
        const reply = await wire.call(`${servicePath}Echo`, frame(compress(message), 1), headers);
        assert.equal(reply.trailers?.['grpc-status'], '0');
        assert.equal(reply.headers['grpc-encoding'], encoding);
        assert.equal(reply.body[0], 1);
        assert.ok(reply.body.length < 10_000);
        assert.ok(decompress(reply.body.subarray(5)).equals(message));
      });

      it(`takes uncompressed messages in a call with ${encoding}`, async () => {
        await using test = await TestServer.start(start);
        await using wire = new WireClient(test.server.address);
        const reply = await wire.call(`${servicePath}Echo`, frame(Buffer.from('small')), headers);
        assert.deepEqual(reply.body, frame(Buffer.from('small')));
      });

      it(`bounds what ${encoding} inflates to, and names the option`, async () => {
        await using test = await TestServer.start(start, { maxMessageBytes: 100_000 });
        await using wire = new WireClient(test.server.address);
        const bomb = frame(compress(Buffer.alloc(50_000_000)), 1);
        const reply = await wire.call(`${servicePath}Echo`, bomb, headers);
        assert.equal(reply.headers['grpc-status'], String(status.RESOURCE_EXHAUSTED));
        assert.match(decodeURIComponent(String(reply.headers['grpc-message'])), /--grpc-max-message-bytes/);
      });

      it(`survives bytes that are not ${encoding}`, async () => {
        await using test = await TestServer.start(start);
        await using wire = new WireClient(test.server.address);
        const reply = await wire.call(`${servicePath}Echo`, frame(Buffer.from('not it at all'), 1), headers);
        assert.equal(reply.headers['grpc-status'], String(status.INVALID_ARGUMENT));
        const next = await wire.call(`${servicePath}Echo`, frame(Buffer.from('fine')));
        assert.equal(next.trailers?.['grpc-status'], '0');
      });
    }

    it('refuses an encoding it does not know with UNIMPLEMENTED', async () => {
      await using test = await TestServer.start(start);
      await using wire = new WireClient(test.server.address);
      const reply = await wire.call(`${servicePath}Echo`, frame(Buffer.from('x'), 1), {
        'grpc-encoding': 'snappy',
      });
      assert.equal(reply.headers['grpc-status'], String(status.UNIMPLEMENTED));
    });

    it('does not compress for clients that did not', async () => {
      await using test = await TestServer.start(start);
      await using wire = new WireClient(test.server.address);
      const message = Buffer.alloc(100_000);
      const reply = await wire.call(`${servicePath}Echo`, frame(message), {
        'grpc-accept-encoding': 'gzip',
      });
      assert.deepEqual(reply.body, frame(message));
    });

    it('works with the library of a client, streaming too', async () => {
      await using test = await TestServer.start(start);
      const client = test.client({ 'grpc.default_compression_algorithm': compressionAlgorithms.gzip });
      const message = Buffer.alloc(50_000, 'abc');
      assert.ok((await client.unary('Echo', message)).reply?.equals(message));
      const stream = client.stream('Chat');
      for (let turn = 1; turn <= 3; turn++) {
        stream.send(message);
        await stream.messages(turn);
      }
      stream.call.end();
      assert.equal((await stream.ended).code, status.OK);
      assert.ok(stream.received.every((received) => received.equals(message)));
    });
  });
}
