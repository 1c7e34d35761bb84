import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { connect as connectH2, type ClientHttp2Session, type SecureClientSessionOptions } from 'node:http2';
import {
  Agent as HttpsAgent,
  request as httpsRequest,
  type RequestOptions as HttpsRequestOptions,
} from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { PartialOptions } from '../../../src/config/options.ts';
import type { HttpTls } from '../../../src/transport/http/http-server-options.ts';
import { Serving } from '../protocol/support/serving.ts';
import { mlp } from '../protocol/support/requests.ts';
import { models } from '../protocol/support/models.ts';
import { TestFront } from './support/front.ts';
import { inferText } from './support/http-error-cases.ts';

const fixtures = join(import.meta.dirname, '..', '..', 'fixtures', 'tls');

function pem(name: string): string {
  return join(fixtures, `${name}.pem`);
}

function read(name: string): Buffer {
  return readFileSync(pem(name));
}

const served = { mlp: models['mlp'], floats: models['floats'] };

function start(options: PartialOptions): Promise<Serving> {
  const { mlp: one, floats: two } = served;
  if (one === undefined || two === undefined) throw new Error('the suite lacks models');
  return Serving.start('h2', { mlp: one, floats: two }, options);
}

interface Reply {
  readonly status: number | undefined;
  readonly body: string;
}

async function overHttp1(
  options: HttpsRequestOptions & { readonly secure?: boolean },
  body?: string,
): Promise<Reply> {
  const send = options.secure === true ? httpsRequest : httpRequest;
  const call = send({ ...options, agent: false });
  call.end(body);
  const [reply] = await once(call, 'response');
  return { status: reply.statusCode, body: await text(reply) };
}

/** One request on a session of HTTP/2. */
async function overH2(
  session: ClientHttp2Session,
  headers: Readonly<Record<string, string | number>>,
  body?: Buffer | string,
): Promise<Reply & { readonly headers: Readonly<Record<string, unknown>>; readonly bytes: Buffer }> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  const [reply] = await once(stream, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  return { status: reply[':status'], headers: reply, body: bytes.toString(), bytes };
}

async function withSession<T>(
  url: string,
  options: SecureClientSessionOptions,
  use: (session: ClientHttp2Session) => Promise<T>,
): Promise<T> {
  const session = connectH2(url, options);
  try {
    return await use(session);
  } finally {
    session.close();
  }
}

const infer = { ':method': 'POST', ':path': '/v2/models/mlp/infer' };

describe('one port for HTTP/1.1 and HTTP/2 with prior knowledge', () => {
  let serving: Serving;
  let url: string;

  before(async () => {
    serving = await start({ http: { maxInputBytes: 1 << 20 } });
    url = `http://${serving.server.httpAddress}`;
  });
  after(() => serving[Symbol.asyncDispose]());

  it('answers the same over both', async () => {
    const first = await fetch(`${url}/v2/models/mlp/infer`, { method: 'POST', body: inferText() });
    const second = await withSession(url, {}, (session) => overH2(session, infer, inferText()));
    assert.equal(second.status, 200);
    assert.equal(second.body, await first.text());
    assert.equal(second.headers['content-type'], 'application/json');
  });

  it('answers requests that have no body, and HEAD without one', async () => {
    await withSession(url, {}, async (session) => {
      const live = await overH2(session, { ':path': '/v2/health/live' });
      assert.deepEqual([live.status, live.body], [200, '{"live":true}']);
      const head = await overH2(session, { ':method': 'HEAD', ':path': '/v2/health/live' });
      assert.deepEqual([head.status, head.body, head.headers['content-length']], [200, '', '13']);
      const unknown = await overH2(session, { ':path': '/v2/nothing' });
      assert.deepEqual([unknown.status, unknown.body], [404, '{"error":"Not Found"}']);
    });
  });

  it('takes binary tensors beyond the windows of HTTP/2, both ways, with and without a length', async () => {
    const count = 150_000;
    const values = Buffer.from(Float32Array.from({ length: count }, (_, index) => index / 7).buffer);
    const head = JSON.stringify({
      inputs: [
        { name: 'x', datatype: 'FP32', shape: [1, count], parameters: { binary_data_size: values.length } },
      ],
      parameters: { binary_data_output: true },
    });
    const body = Buffer.concat([Buffer.from(head), values]);
    await withSession(url, {}, async (session) => {
      for (const length of [{}, { 'content-length': body.length }]) {
        const reply = await overH2(
          session,
          {
            ':method': 'POST',
            ':path': '/v2/models/floats/infer',
            'inference-header-content-length': head.length,
            ...length,
          },
          body,
        );
        assert.equal(reply.status, 200, reply.body.slice(0, 300));
        const json = Number(reply.headers['inference-header-content-length']);
        assert.ok(reply.bytes.subarray(json).equals(values));
      }
    });
  });

  it('refuses over HTTP/2 what is too large, and goes on with other requests of the connection', async () => {
    await withSession(url, {}, async (session) => {
      const large = await overH2(session, infer, Buffer.alloc((1 << 20) + 1, ' '));
      assert.equal(large.status, 400);
      assert.match(large.body, /exceeds the maximum allowed/);
      const fine = await overH2(session, infer, inferText());
      assert.equal(fine.status, 200);
    });
  });

  it('refuses over HTTP/2 a header section that is too large', async () => {
    await withSession(url, {}, async (session) => {
      const reply = await overH2(session, { ':path': '/v2/health/live', 'x-long': 'a'.repeat(20_000) });
      assert.equal(reply.status, 431);
    });
  });

  it('sends errors over HTTP/2 with their headers', async () => {
    await withSession(url, {}, async (session) => {
      const reply = await overH2(session, { ...infer, 'content-encoding': 'br' }, '{}');
      assert.equal(reply.status, 501);
      assert.equal(reply.headers['accept-encoding'], 'gzip, deflate');
      assert.equal(reply.headers['connection'], undefined);
    });
  });

  it('tells HTTP/1.1 by its first bytes however they arrive', async () => {
    const { hostname, port } = new URL(url);
    for (const pieces of [
      ['P', 'OST /v2/models/mlp/infer HTTP/1.1\r\n'],
      ['POST /v2/mod', 'els/mlp/infer HTTP/1.1\r\n'],
    ]) {
      const socket = connect(Number(port), hostname);
      socket.setNoDelay(true);
      for (const piece of pieces) {
        socket.write(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
      const body = inferText();
      socket.end(`Host: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      assert.match(await text(socket), /^HTTP\/1\.1 200 OK/);
    }
  });

  it('answers what is no HTTP with 400 and survives connections that say nothing', async () => {
    const { hostname, port } = new URL(url);
    const odd = connect(Number(port), hostname);
    odd.write('PRX \r\n\r\n');
    assert.match(await text(odd), /^HTTP\/1\.1 400 /);
    const silent = connect(Number(port), hostname);
    await once(silent, 'connect');
    silent.end();
    await once(silent.resume(), 'close');
    const almost = connect(Number(port), hostname);
    almost.end('PR');
    await once(almost.resume(), 'close');
    assert.equal((await fetch(`${url}/v2/health/live`)).status, 200);
  });
});

describe('a port that closes', () => {
  it('tells clients that had connected, and said nothing yet, that their requests are not run', async () => {
    await using serving = await start({});
    const [host = '', port] = serving.server.httpAddress.split(':');
    const socket = connect(Number(port), host);
    await once(socket, 'connect');
    const silent = connect(Number(port), host);
    await once(silent, 'connect');
    const stopped = serving.server.stop();
    const body = inferText();
    socket.write(
      `POST /v2/models/mlp/infer HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    const reply = await text(socket);
    assert.match(reply, /^HTTP\/1\.1 503 /);
    assert.match(reply, /connection: close/i);
    await once(silent.resume(), 'close');
    await stopped;
  });
});

describe('TLS on the HTTP port', () => {
  const files = { cert: pem('server'), key: pem('server-key') };
  const trusting = { ca: read('authority'), servername: 'localhost' };

  it('serves HTTP/1.1, and HTTP/2 where ALPN asks for it, and no plain clients', async () => {
    await using serving = await start({ grpc: { tls: files }, http: { tls: { enabled: true } } });
    const [host = '', port] = serving.server.httpAddress.split(':');
    const where = { host, port: Number(port), ...trusting, secure: true };
    const live = await overHttp1({ ...where, path: '/v2/health/live' });
    assert.deepEqual([live.status, live.body], [200, '{"live":true}']);
    const answer = await overHttp1({ ...where, method: 'POST', path: '/v2/models/mlp/infer' }, inferText());
    assert.equal(answer.status, 200, answer.body);
    const h2 = await withSession(`https://${host}:${port}`, trusting, async (session) => {
      await once(session, 'connect');
      assert.equal(session.alpnProtocol, 'h2');
      return overH2(session, infer, inferText());
    });
    assert.equal(h2.status, 200);
    await assert.rejects(overHttp1({ host, port: Number(port), path: '/v2/health/live' }));
  });

  it('serves clients of HTTP/1.0 that name it by ALPN, as curl does, and those that name nothing', async () => {
    await using serving = await start({ grpc: { tls: files }, http: { tls: { enabled: true } } });
    const [host = '', port] = serving.server.httpAddress.split(':');
    for (const ALPNProtocols of [['http/1.0'], undefined]) {
      const socket = connectTls({
        host,
        port: Number(port),
        ...trusting,
        ...(ALPNProtocols && { ALPNProtocols }),
      });
      socket.write('GET /v2/health/live HTTP/1.0\r\n\r\n');
      const answer = await text(socket);
      assert.match(answer, /^HTTP\/1\.1 200 /);
      assert.match(answer, /\{"live":true\}$/);
    }
  });

  it('serves several requests of one HTTP/1.1 connection, and ends with them when it is stopped', async () => {
    await using serving = await start({ grpc: { tls: files }, http: { tls: { enabled: true } } });
    const [host = '', port] = serving.server.httpAddress.split(':');
    const agent = new HttpsAgent({ keepAlive: true, maxSockets: 1, ...trusting });
    for (let turn = 0; turn < 3; turn++) {
      const call = httpsRequest({ host, port, agent, path: '/v2/health/live' }).end();
      const [reply] = await once(call, 'response');
      assert.equal(reply.statusCode, 200);
      assert.equal(call.reusedSocket, turn > 0);
      await text(reply);
    }
    await serving.server.stop();
    agent.destroy();
  });

  it('with mutual TLS serves only clients with a certificate of the authority', async () => {
    await using serving = await start({
      grpc: { tls: { ...files, clientCa: pem('authority') } },
      http: { tls: { mutual: true, enabled: true } },
    });
    const [host = '', port] = serving.server.httpAddress.split(':');
    const where = { host, port: Number(port), ...trusting, secure: true, path: '/v2/health/live' };
    const known = { cert: read('client'), key: read('client-key') };
    assert.equal((await overHttp1({ ...where, ...known })).status, 200);
    await assert.rejects(overHttp1(where));
    await assert.rejects(overHttp1({ ...where, cert: read('stranger'), key: read('stranger-key') }));
  });
});

describe('certificates that are replaced', () => {
  it('are shown to new clients, and connections that are open go on', async () => {
    let reload: Parameters<HttpTls['onReload']>[0] = () => {};
    await using front = await TestFront.start(
      {},
      {
        context: { cert: read('server'), key: read('server-key') },
        mutual: false,
        onReload(listener) {
          reload = listener;
        },
      },
    );
    const [host, port] = front.server.address.split(':');
    const trusting = { host, port: Number(port), ca: read('authority'), servername: 'localhost' };
    const shownName = async (ALPNProtocols: string[]): Promise<string> => {
      const socket = connectTls({ ...trusting, ALPNProtocols });
      await once(socket, 'secureConnect');
      const name = String(socket.getPeerCertificate().subject.CN);
      socket.destroy();
      return name;
    };
    const agent = new HttpsAgent({ keepAlive: true, maxSockets: 1, ...trusting });
    const live = async (): Promise<boolean> => {
      const call = httpsRequest({ host, port, agent, path: '/v2/health/live' }).end();
      const [reply] = await once(call, 'response');
      await text(reply);
      return call.reusedSocket;
    };
    assert.equal(await live(), false);
    assert.equal(await shownName(['http/1.1']), 'server');
    reload({ cert: read('renewed'), key: read('renewed-key') });
    assert.equal(await shownName(['http/1.1']), 'renewed');
    assert.equal(await shownName(['h2']), 'renewed');
    assert.equal(await live(), true);
    agent.destroy();
  });
});

describe('HTTP on the port of gRPC', () => {
  async function checkBoth(serving: Serving): Promise<void> {
    const { grpcAddress, httpAddress } = serving.server;
    assert.equal(httpAddress, grpcAddress);
    const reply = await fetch(`http://${httpAddress}/v2/models/mlp/infer`, {
      method: 'POST',
      body: inferText(),
    });
    assert.equal(reply.status, 200, await reply.text());
    const h2 = await withSession(`http://${httpAddress}`, {}, (session) =>
      overH2(session, infer, inferText()),
    );
    assert.equal(h2.status, 200);
  }

  it('serves gRPC, HTTP/1.1 and REST over HTTP/2 on it', async () => {
    await using serving = await start({ http: { onGrpcPort: true } });
    await checkBoth(serving);
    assert.equal((await serving.client.call('ModelInfer', mlp())).code, status.OK);
    await checkBoth(serving);
  });

  it('serves both with TLS', async () => {
    await using serving = await start({
      grpc: { tls: { enabled: true, cert: pem('server'), key: pem('server-key') } },
      http: { onGrpcPort: true },
    });
    const [host = '', port] = serving.server.httpAddress.split(':');
    const trusting = { ca: read('authority'), servername: 'localhost' };
    const live = await overHttp1({ host, port, ...trusting, secure: true, path: '/v2/health/live' });
    assert.equal(live.status, 200);
    const h2 = await withSession(`https://${host}:${port}`, trusting, (session) =>
      overH2(session, infer, inferText()),
    );
    assert.equal(h2.status, 200);
  });

  it('lets running requests of all kinds finish when it is stopped', async () => {
    await using serving = await start({ http: { onGrpcPort: true } });
    const agent = new HttpAgent({ keepAlive: true });
    const [host = '', port] = serving.server.httpAddress.split(':');
    const call = httpRequest({ host, port, agent, path: '/v2/health/live' }).end();
    const [reply] = await once(call, 'response');
    await text(reply);
    const session = connectH2(`http://${serving.server.httpAddress}`);
    await overH2(session, { ':path': '/v2/health/live' });
    const gone = once(session, 'close');
    await serving.server.stop();
    await gone;
    agent.destroy();
  });
});

describe('HTTP on a Unix socket', () => {
  for (const [what, options] of [
    ['of its own', (path: string) => ({ http: { unixSocket: path } })],
    ['of gRPC', (path: string) => ({ grpc: { unixSocket: path }, http: { onGrpcPort: true } })],
  ] as const) {
    it(`is served on a socket ${what}`, async () => {
      const path = join(tmpdir(), `tensorgate-${process.pid}-${what.length}.sock`);
      await using serving = await start(options(path));
      assert.notEqual(serving.server.httpAddress, '');
      const live = await overHttp1({ socketPath: path, path: '/v2/health/live' });
      assert.deepEqual([live.status, live.body], [200, '{"live":true}']);
    });
  }
});
