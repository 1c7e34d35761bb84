import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectH2 } from 'node:http2';
import { afterEach, describe, it } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import type { CallContext } from '../../../src/inference/call-context.ts';
import type { Infer } from '../../../src/inference/infer.ts';
import type { HttpServerOptions } from '../../../src/transport/http/http-server-options.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';
import { Latch } from '../../support/latch.ts';
import { echo, TestFront } from './support/front.ts';
import { RawConnection, rawPost } from './support/raw-connection.ts';

const path = '/v2/models/m/infer';

function body(id: string, count = 1): string {
  const data = Array.from({ length: count }, () => 0.5);
  return JSON.stringify({ id, inputs: [{ name: 'x', datatype: 'FP32', shape: [count], data }] });
}

/** Requests wait until the test lets them go on, by their id. */
class Held {
  readonly contexts = new Map<string, CallContext>();
  readonly #latches = new Map<string, Latch>();
  readonly #arrivals = new Map<string, Latch>();

  readonly infer: Infer = async (request, context) => {
    this.contexts.set(request.id, context);
    const cancelled = new Promise<never>((_resolve, reject) => {
      context.onCancelled(() => reject(new ServingError('cancelled', 'cancelled')));
    });
    latchOf(this.#arrivals, request.id).open();
    await Promise.race([latchOf(this.#latches, request.id).opened, cancelled]);
    return echo(request, context);
  };

  release(id: string): void {
    latchOf(this.#latches, id).open();
  }

  arrived(id: string): Promise<void> {
    return latchOf(this.#arrivals, id).opened;
  }
}

function latchOf(latches: Map<string, Latch>, id: string): Latch {
  const latch = latches.get(id) ?? new Latch();
  latches.set(id, latch);
  return latch;
}

describe('connections of HTTP/1.1', () => {
  let front: TestFront;
  const start = async (options: Partial<HttpServerOptions> = {}): Promise<RawConnection> => {
    front = await TestFront.start(options);
    return new RawConnection(front.server.address);
  };
  afterEach(() => front[Symbol.asyncDispose]());

  it('RFC 9112, section 9.3.2: replies to requests that were sent ahead come in order', async () => {
    const held = new Held();
    using connection = await start({ infer: held.infer });
    connection.send(rawPost(path, body('a')) + rawPost(path, body('b')) + rawPost(path, body('c')));
    await Promise.all([held.arrived('a'), held.arrived('b'), held.arrived('c')]);
    for (const id of ['c', 'b', 'a']) held.release(id);
    for (const id of ['a', 'b', 'c']) {
      assert.equal(JSON.parse((await connection.reply()).body.toString()).id, id);
    }
  });

  it('hardening 5.3: more requests sent ahead than may be end the connection and cancel them', async () => {
    const held = new Held();
    using connection = await start({ infer: held.infer, limits: { maxPipelined: 4 } });
    for (const id of ['a', 'b', 'c', 'd']) connection.send(rawPost(path, body(id)));
    await held.arrived('d');
    connection.send(rawPost(path, body('e')));
    await connection.closed;
    assert.equal(connection.received.length, 0);
    assert.deepEqual(
      [...held.contexts.values()].map(({ cancelled }) => cancelled),
      [true, true, true, true],
    );
    assert.equal(held.contexts.has('e'), false);
  });

  it('stays open for more requests than may be sent ahead, one after the other', async () => {
    using connection = await start({ limits: { maxPipelined: 2 } });
    for (let turn = 0; turn < 10; turn++) {
      connection.send(rawPost(path, body(String(turn))));
      const { status, headers } = await connection.reply();
      assert.equal(status, 200);
      assert.notEqual(headers.get('connection'), 'close');
    }
  });

  it('ends after the reply when the client asks for that, and for clients of HTTP/1.0', async () => {
    using connection = await start();
    connection.send(rawPost(path, body('a'), { connection: 'close' }));
    assert.equal((await connection.reply()).headers.get('connection'), 'close');
    await connection.closed;
    using old = new RawConnection(front.server.address);
    old.send(rawPost(path, body('a')).replace('HTTP/1.1', 'HTTP/1.0'));
    assert.equal((await old.reply()).status, 200);
    await old.closed;
  });

  it('1.3: a head that does not get complete in time is answered with 408, however often some of it comes', async () => {
    using connection = await start({ limits: { headMs: 60 } });
    connection.send('POST / HTTP/1.1\r\n');
    const dribble = setInterval(() => connection.send('a: b\r\n'), 10);
    await connection.closed;
    clearInterval(dribble);
    assert.match(connection.received.toString(), /^HTTP\/1.1 408 /);
  });

  it('1.3: a connection that says nothing is cut off', async () => {
    using connection = await start({ limits: { headMs: 30 } });
    await connection.closed;
    assert.equal(connection.received.length, 0);
  });

  it('1.3: a body that does not get complete in time ends the connection, and gives back what was held', async () => {
    using connection = await start({ limits: { headMs: 300, requestMs: 600, maxHeldBytes: 1000 } });
    connection.send(`POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-length: 900\r\n\r\n`, 'x'.repeat(800));
    const dribble = setInterval(() => connection.send(' '), 10);
    await connection.closed;
    clearInterval(dribble);
    using other = new RawConnection(front.server.address);
    other.send(rawPost(path, body('a').padEnd(900)));
    assert.equal((await other.reply()).status, 200);
  });

  it('ends a connection that has been idle', async () => {
    using connection = await start({ limits: { idleMs: 30 } });
    connection.send(rawPost(path, body('a')));
    assert.equal((await connection.reply()).status, 200);
    await connection.closed;
  });

  it('1.3: a client that takes nothing of its reply is cut off, and its memory given back', async () => {
    const data = Buffer.alloc(32 << 20);
    const output = { name: 'x', datatype: 'FP32', shape: [data.length / 4], data } as const;
    const infer: Infer = async (request, context) => ({
      ...(await echo(request, context)),
      outputs: [output],
    });
    using connection = await start({ infer, limits: { stallMs: 500, maxHeldBytes: 1000 } });
    connection.socket.pause();
    const ask = body('a').replace('"id"', '"parameters":{"binary_data_output":true},"id"').padEnd(900);
    connection.send(rawPost(path, ask, { 'inference-header-content-length': '900' }));
    using other = new RawConnection(front.server.address);
    let status = 0;
    while (status !== 400) {
      // Refused for want of memory until the first is cut off, then for what it asks.
      other.send(rawPost(path, 'x'.repeat(900)));
      ({ status } = await other.reply());
    }
    connection.socket.resume();
    await connection.closed;
    assert.ok(connection.received.length < data.length);
  });

  it('a client that goes away cancels its request, and gives back what was held', async () => {
    const held = new Held();
    using connection = await start({ infer: held.infer, limits: { maxHeldBytes: 1000 } });
    connection.send(rawPost(path, body('a').padEnd(900)));
    await held.arrived('a');
    const context = held.contexts.get('a');
    const cancelled = new Promise<void>((resolve) => context?.onCancelled(resolve));
    connection.socket.destroy();
    await cancelled;
    held.release('a');
    held.release('b');
    using other = new RawConnection(front.server.address);
    let status = 0;
    while (status !== 200) {
      other.send(rawPost(path, body('b').padEnd(900)));
      ({ status } = await other.reply());
    }
  });

  it('a client that goes away within its body is forgotten', async () => {
    using connection = await start({ limits: { maxHeldBytes: 1000 } });
    connection.send(`POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-length: 900\r\n\r\n`, 'x'.repeat(800));
    await new Promise((resolve) => setImmediate(resolve));
    connection.socket.destroy();
    using other = new RawConnection(front.server.address);
    let status = 0;
    while (status !== 200) {
      other.send(rawPost(path, body('b').padEnd(900)));
      ({ status } = await other.reply());
    }
  });

  it('lets a client send its body when it waits for leave, and not one that is refused anyway', async () => {
    using connection = await start({ limits: { maxBodyBytes: 1000 } });
    const text = body('a');
    connection.send(
      `POST ${path} HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: ${text.length}\r\n\r\n`,
    );
    assert.equal((await connection.reply()).status, 100);
    connection.send(text);
    assert.equal((await connection.reply()).status, 200);
    connection.send(
      `POST /v2/nothing HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n`,
    );
    const refused = await connection.reply();
    assert.deepEqual([refused.status, refused.headers.get('connection')], [404, 'close']);
    await connection.closed;
  });

  it('hardening 5.3: connections beyond the limit are closed, and their places are given back', async () => {
    using first = await start({ limits: { maxConnections: 2 } });
    using second = new RawConnection(front.server.address);
    for (const connection of [first, second]) {
      connection.send(rawPost(path, body('a')));
      assert.equal((await connection.reply()).status, 200);
    }
    using third = new RawConnection(front.server.address);
    third.send(rawPost(path, body('a')));
    await third.closed;
    first.socket.end();
    await first.closed;
    using fourth = new RawConnection(front.server.address);
    fourth.send(rawPost(path, body('a')));
    assert.equal((await fourth.reply()).status, 200);
  });

  it('hardening 5.5: draining answers what runs with Connection: close, and ends idle connections', async () => {
    const held = new Held();
    using busy = await start({ infer: held.infer });
    using idle = new RawConnection(front.server.address);
    idle.send('GET /v2/health/live HTTP/1.1\r\nhost: a\r\n\r\n');
    assert.equal((await idle.reply()).status, 200);
    busy.send(rawPost(path, body('a')) + rawPost(path, body('b')));
    await Promise.all([held.arrived('a'), held.arrived('b')]);
    const draining = front.drain(60_000);
    await idle.closed;
    assert.equal(busy.socket.closed, false);
    held.release('b');
    held.release('a');
    const first = await busy.reply();
    assert.deepEqual([first.status, first.headers.get('connection')], [200, 'close']);
    await busy.closed;
    await draining;
  });

  it('hardening 5.5: a request that is on its way on an idle connection when draining begins gets a 503', async () => {
    // Idle connections linger for a while, which does not pass before the request is here.
    const clock = new FakeClock();
    using idle = await start({ infer: new Held().infer, clock });
    idle.send('GET /v2/health/live HTTP/1.1\r\nhost: a\r\n\r\n');
    assert.equal((await idle.reply()).status, 200);
    const drained = new AbortController();
    const draining = front.drain(60_000).then(() => drained.abort());
    idle.send(rawPost(path, body('late')));
    const refused = await idle.reply();
    assert.deepEqual([refused.status, refused.headers.get('connection')], [503, 'close']);
    await idle.closed;
    while (!drained.signal.aborted) {
      clock.advance(100);
      await settled();
    }
    await draining;
  });

  it('hardening 5.5: draining refuses requests that were on their way with 503, but not probes', async () => {
    const held = new Held();
    using connection = await start({ infer: held.infer });
    connection.send(rawPost(path, body('a')));
    await held.arrived('a');
    const draining = front.drain(60_000);
    connection.send(rawPost(path, body('b')));
    connection.send('GET /v2/health/ready HTTP/1.1\r\nhost: a\r\n\r\n');
    while (held.contexts.size > 1) await new Promise((resolve) => setImmediate(resolve));
    held.release('a');
    assert.equal((await connection.reply()).status, 200);
    await draining;
    assert.equal(held.contexts.has('b'), false);
  });

  it('hardening 5.5: draining cuts off what is open after the grace, and is done then', async () => {
    const held = new Held();
    using connection = await start({ infer: held.infer });
    connection.send(rawPost(path, body('a')));
    await held.arrived('a');
    await front.drain(20);
    await connection.closed;
    assert.equal(held.contexts.get('a')?.cancelled, true);
  });
});

describe('requests over HTTP/2', () => {
  let front: TestFront;
  afterEach(() => front[Symbol.asyncDispose]());

  it('a reset stream cancels its request and leaves the others alone', async () => {
    const held = new Held();
    front = await TestFront.start({ infer: held.infer });
    const session = connectH2(front.url);
    const ask = (id: string) => session.request({ ':method': 'POST', ':path': path }).end(body(id));
    const [gone, kept] = [ask('a'), ask('b')];
    gone.on('error', () => {});
    await Promise.all([held.arrived('a'), held.arrived('b')]);
    const cancelled = new Promise<void>((resolve) => held.contexts.get('a')?.onCancelled(resolve));
    gone.close(8);
    await cancelled;
    held.release('b');
    const [head] = await once(kept, 'response');
    assert.equal(head[':status'], 200);
    session.destroy();
  });

  it('one connection may have 1,024 requests open at a time', async () => {
    const all = new Latch();
    let open = 0;
    front = await TestFront.start({
      infer: async (request, context) => {
        if (++open === 1024) all.open();
        await all.opened;
        return echo(request, context);
      },
    });
    const session = connectH2(front.url);
    const [settings] = await once(session, 'remoteSettings');
    assert.equal(settings.maxConcurrentStreams, 1024);
    const statuses = await Promise.all(
      Array.from({ length: 1024 }, async (_, id) => {
        const stream = session.request({ ':method': 'POST', ':path': path }).end(body(`${id}`));
        const [head] = await once(stream, 'response');
        await once(stream.resume(), 'close');
        return Number(head[':status']);
      }),
    );
    assert.deepEqual(new Set(statuses), new Set([200]));
    session.close();
  });

  it('a request without a body is answered once its end is here, so that its stream needs no reset', async () => {
    front = await TestFront.start();
    const session = connectH2(front.url);
    const open = session.request({ ':path': '/v2/health/live' }, { endStream: false });
    let answered = false;
    open.once('response', () => (answered = true));
    await once(session.request({ ':path': '/v2/health/live' }).resume(), 'close');
    assert.equal(answered, false);
    open.end();
    const [head] = await once(open.resume(), 'response');
    assert.equal(head[':status'], 200);
    await once(open, 'close');
    assert.equal(open.rstCode, 0);
    session.destroy();
  });

  it('a stream that is reset within its body gives back what was held', async () => {
    front = await TestFront.start({ limits: { maxHeldBytes: 1000 } });
    const session = connectH2(front.url);
    for (let turn = 0; turn < 5; turn++) {
      const stream = session.request({ ':method': 'POST', ':path': path });
      stream.on('error', () => {});
      await new Promise((resolve) => stream.write('x'.repeat(900), resolve));
      stream.close(8);
      await once(stream, 'close');
    }
    let status = 0;
    while (status !== 200) {
      const stream = session.request({ ':method': 'POST', ':path': path });
      stream.end(body('b').padEnd(900));
      const [head] = await once(stream, 'response');
      status = head[':status'];
      await once(stream.resume(), 'close');
    }
    session.destroy();
  });

  it('draining lets running requests finish and closes the connection', async () => {
    const held = new Held();
    front = await TestFront.start({ infer: held.infer });
    const session = connectH2(front.url);
    const stream = session.request({ ':method': 'POST', ':path': path }).end(body('a'));
    await held.arrived('a');
    const draining = front.drain(60_000);
    await once(session, 'goaway');
    held.release('a');
    const [head] = await once(stream, 'response');
    assert.equal(head[':status'], 200);
    stream.resume();
    await draining;
    session.destroy();
  });

  it('a reply that its client does not take is reset', async () => {
    front = await TestFront.start({ limits: { stallMs: 50, maxBodyBytes: 4 << 20 } });
    const session = connectH2(front.url, { settings: { initialWindowSize: 1000 } });
    const stream = session.request({ ':method': 'POST', ':path': path }).end(body('a', 10_000));
    const [error] = await once(stream, 'error').catch((error: unknown) => [error]);
    assert.match(String(error), /ENHANCE_YOUR_CALM|NGHTTP2/);
    session.destroy();
  });
});
