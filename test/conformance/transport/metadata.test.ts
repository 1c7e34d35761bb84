import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Metadata } from '@grpc/grpc-js';
import { TestServer } from './support/server.ts';
import { servicePath } from './support/service.ts';
import { transports } from './support/transports.ts';
import { frame, WireClient } from './support/wire.ts';

for (const { name, start } of transports) {
  describe(`metadata on ${name}`, () => {
    it('goes both ways, as text and as bytes', async () => {
      await using test = await TestServer.start(start);
      const bytes = Buffer.from([0, 1, 2, 254, 255, 44, 10]);
      const metadata = new Metadata();
      metadata.set('x-text', 'plain text, with comma');
      metadata.set('x-data-bin', bytes);
      const { headers, trailers } = await test.client().unary('Metadata', Buffer.alloc(0), { metadata });
      assert.deepEqual(headers?.get('x-text'), ['plain text, with comma']);
      assert.deepEqual(headers?.get('x-data-bin'), [bytes]);
      assert.deepEqual(trailers.get('trailing-x-text'), ['plain text, with comma']);
      assert.deepEqual(trailers.get('trailing-x-data-bin'), [bytes]);
    });

    it('keeps all values of a name, in order', async () => {
      await using test = await TestServer.start(start);
      const metadata = new Metadata();
      for (const value of ['one', 'two', 'three']) metadata.add('x-many', value);
      const { trailers } = await test.client().unary('Metadata', Buffer.alloc(0), { metadata });
      // Intermediaries and HTTP/2 stacks may join values with commas.
      assert.equal(String(trailers.get('x-all')[0]).replaceAll(/, ?/g, '|'), 'one|two|three');
    });

    it('takes base64 with and without padding', async () => {
      await using test = await TestServer.start(start);
      await using wire = new WireClient(test.server.address);
      for (const [sent, bytes] of [
        ['AQ==', [1]],
        ['AQ', [1]],
        ['AQID', [1, 2, 3]],
      ] as const) {
        const { headers } = await wire.call(`${servicePath}Metadata`, frame(Buffer.alloc(0)), {
          'x-data-bin': sent,
        });
        assert.deepEqual(Buffer.from(String(headers['x-data-bin']), 'base64'), Buffer.from(bytes));
      }
    });

    it('says where a call comes from', async () => {
      await using test = await TestServer.start(start);
      const { reply } = await test.client().unary('Peer', Buffer.alloc(0));
      assert.match(reply?.toString() ?? '', /^127\.0\.0\.1:\d+$/);
    });
  });
}
