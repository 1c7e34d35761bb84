import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { onReceived } from '../../../../src/transport/h2/socket-reads.ts';

/** A connection's two ends. */
async function connected(t: TestContext): Promise<{ ours: Socket; peer: Socket }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [ours]: Socket[] = await accepted;
  assert.ok(ours);
  t.after(() => {
    peer.destroy();
    ours.destroy();
    server.close();
  });
  return { ours, peer };
}

describe('onReceived', () => {
  it('reads what the sockets of a thread receive into one buffer', async (t) => {
    const buffers = new Set<ArrayBufferLike>();
    for (const text of ['first', 'second']) {
      const { ours, peer } = await connected(t);
      const received = new Promise<string>((resolve) => {
        onReceived(ours, (bytes) => {
          buffers.add(bytes.buffer);
          resolve(bytes.toString());
        });
      });
      peer.write(text);
      assert.equal(await received, text);
    }
    assert.equal(buffers.size, 1);
  });

  it('brings all bytes in order, then the end', async (t) => {
    const { ours, peer } = await connected(t);
    const sent = Buffer.alloc(1_000_000, 'abcdefg');
    const received: Buffer[] = [];
    onReceived(ours, (bytes) => received.push(Buffer.from(bytes)));
    peer.end(sent);
    await once(ours, 'end');
    assert.ok(Buffer.concat(received).equals(sent));
  });

  it('brings nothing while the socket is paused', async (t) => {
    const { ours, peer } = await connected(t);
    let text = '';
    let onText = (): void => {};
    const next = (): Promise<void> => new Promise((resolve) => (onText = resolve));
    onReceived(ours, (bytes) => {
      text += bytes.toString();
      ours.pause();
      onText();
    });
    const first = next();
    peer.write('a');
    await first;
    const second = next();
    peer.write('b');
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    assert.equal(text, 'a');
    ours.resume();
    await second;
    assert.equal(text, 'ab');
  });

  it('takes the data events of streams that have no socket', async () => {
    const stream = new PassThrough();
    const received: string[] = [];
    onReceived(stream, (bytes) => received.push(bytes.toString()));
    stream.end('bytes');
    await once(stream, 'end');
    assert.deepEqual(received, ['bytes']);
  });
});
