import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { deflateRawSync, deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { TestFront } from './support/front.ts';
import { chunk, lastChunk, RawConnection, rawPost, type RawReply } from './support/raw-connection.ts';

const path = '/v2/models/m/infer';
const maxBodyBytes = 1 << 20;

function floats(count: number): Buffer {
  return Buffer.from(Float32Array.from({ length: count }, (_, index) => index / 3).buffer);
}

/** A request with binary tensors of these lengths, and the JSON's. */
function binaryRequest(values: readonly Buffer[]): { readonly json: string; readonly body: Buffer } {
  const inputs = values.map((data, index) => ({
    name: `x${index}`,
    datatype: 'FP32',
    shape: [data.length / 4],
    parameters: { binary_data_size: data.length },
  }));
  const json = JSON.stringify({ inputs, parameters: { binary_data_output: true } });
  return { json, body: Buffer.concat([Buffer.from(json), ...values]) };
}

function binaryPartOf({ headers, body }: RawReply): Buffer {
  return body.subarray(Number(headers.get('inference-header-content-length')));
}

function jsonRequest(count: number): string {
  const data = Array.from({ length: count }, (_, index) => index);
  return JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [count], data }] });
}

describe('bodies in chunks', () => {
  let front: TestFront;

  before(async () => {
    front = await TestFront.start({ limits: { maxBodyBytes } });
  });
  after(() => front[Symbol.asyncDispose]());

  const head = (more: string): string =>
    `POST ${path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n${more}\r\n`;

  it('2.1: binary tensors may be cut anywhere, also inside of an element and of the JSON', async () => {
    const values = [floats(3), floats(5)];
    const { json, body } = binaryRequest(values);
    using connection = new RawConnection(front.server.address);
    for (const size of [1, 3, 7, json.length - 1, json.length, json.length + 5]) {
      const pieces: Buffer[] = [];
      for (let start = 0; start < body.length; start += size) {
        pieces.push(chunk(body.subarray(start, start + size)));
      }
      const more = `inference-header-content-length: ${json.length}\r\n`;
      if (size < 3) connection.send(head(more), ...pieces, lastChunk);
      else await connection.sendApart(head(more), ...pieces, lastChunk);
      const reply = await connection.reply();
      assert.equal(reply.status, 200, reply.body.toString());
      assert.ok(binaryPartOf(reply).equals(Buffer.concat(values)), `chunks of ${size}`);
    }
  });

  it('2.1: a raw binary request may come in chunks', async () => {
    using connection = new RawConnection(front.server.address);
    const data = floats(100);
    connection.send(head('inference-header-content-length: 0\r\n'));
    await connection.sendApart(chunk(data.subarray(0, 1)), chunk(data.subarray(1, 202)));
    connection.send(chunk(data.subarray(202)), lastChunk);
    const reply = await connection.reply();
    assert.equal(reply.status, 200, reply.body.toString());
    assert.ok(binaryPartOf(reply).equals(data));
  });

  it('2.1: chunks may have extensions and trailers, which mean nothing', async () => {
    using connection = new RawConnection(front.server.address);
    const body = jsonRequest(2);
    connection.send(head(''), `${body.length.toString(16)};a=b\r\n${body}\r\n0\r\nx-later: yes\r\n\r\n`);
    assert.equal((await connection.reply()).status, 200);
  });

  it('2.1: more than 65,536 chunks are refused with 400, and the connection goes on', async () => {
    using connection = new RawConnection(front.server.address);
    connection.send(
      head(''),
      ...Array.from({ length: 64 }, () => Buffer.concat(Array(1024).fill(chunk(' ')))),
    );
    connection.send(chunk(' '), lastChunk);
    const refused = await connection.reply();
    assert.equal(refused.status, 400);
    assert.match(refused.body.toString(), /more than 65536 chunks exceeds the maximum allowed/);
    connection.send(rawPost(path, jsonRequest(1)));
    assert.equal((await connection.reply()).status, 200);
  });

  it('hardening 5.3: a body over the limit is refused as soon as it is, and its rest is read and dropped', async () => {
    using connection = new RawConnection(front.server.address);
    connection.send(head(''), chunk(Buffer.alloc(maxBodyBytes, ' ')), chunk('  '));
    const refused = await connection.reply();
    assert.equal(refused.status, 400);
    assert.match(refused.body.toString(), /exceeds the maximum allowed/);
    connection.send(chunk(Buffer.alloc(1000)), lastChunk, rawPost(path, jsonRequest(1)));
    assert.equal((await connection.reply()).status, 200);
  });

  it('hardening 5.3: a refused body that goes on and on ends its connection', async () => {
    using connection = new RawConnection(front.server.address);
    connection.send(head(''));
    const piece = chunk(Buffer.alloc(1 << 18, ' '));
    for (let sent = 0; sent < 20; sent++) connection.send(piece);
    await connection.closed;
  });

  for (const [what, bytes] of [
    ['a length that is no number', 'zz\r\n'],
    ['a chunk longer than it says', '1\r\nabc\r\n0\r\n\r\n'],
    ['a negative length', '-1\r\n\r\n'],
    ['a length beyond all numbers', 'ffffffffffffffffff\r\n'],
  ] as const) {
    it(`RFC 9112, section 7.1: a chunk with ${what} ends its connection`, async () => {
      using connection = new RawConnection(front.server.address);
      connection.send(head(''), bytes);
      await connection.closed;
      assert.doesNotMatch(connection.received.toString(), /^HTTP\/1.1 200/);
    });
  }

  for (const [what, more] of [
    ['both a length and chunks', 'content-length: 3\r\ntransfer-encoding: chunked\r\n'],
    ['two lengths', 'content-length: 3\r\ncontent-length: 4\r\n'],
    ['a length with a sign', 'content-length: +3\r\n'],
    ['chunks that are not last', 'transfer-encoding: chunked, identity\r\n'],
    ['a space before a colon', 'content-length : 3\r\n'],
  ] as const) {
    it(`RFC 9112, section 6.3: a request with ${what} is refused, so that none is smuggled`, async () => {
      using connection = new RawConnection(front.server.address);
      connection.send(`POST ${path} HTTP/1.1\r\nhost: a\r\n${more}\r\nabc`);
      await connection.closed;
      assert.match(connection.received.toString(), /^HTTP\/1.1 400 /);
    });
  }
});

describe('compressed bodies', () => {
  let front: TestFront;

  before(async () => {
    front = await TestFront.start({ limits: { maxBodyBytes } });
  });
  after(() => front[Symbol.asyncDispose]());

  const post = (
    body: string | Buffer<ArrayBuffer>,
    headers: Record<string, string> = {},
  ): Promise<Response> => fetch(front.url + path, { method: 'POST', body, headers });

  for (const [encoding, compress] of [
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['GZIP', gzipSync],
    ['identity', (body: Buffer | string) => Buffer.from(body)],
  ] as const) {
    it(`2.1: takes JSON with Content-Encoding ${encoding}`, async () => {
      const reply = await post(compress(jsonRequest(3)), { 'content-encoding': encoding });
      assert.equal(reply.status, 200);
      assert.deepEqual(
        ((await reply.json()) as { outputs: { data: number[] }[] }).outputs[0]?.data,
        [0, 1, 2],
      );
    });

    it(`2.1: with Content-Encoding ${encoding} the header length is of what was decompressed`, async () => {
      const data = floats(50);
      const { json, body } = binaryRequest([data]);
      const reply = await post(compress(body), {
        'content-encoding': encoding,
        'inference-header-content-length': String(json.length),
      });
      assert.equal(reply.status, 200);
      const bytes = Buffer.from(await reply.arrayBuffer());
      assert.ok(bytes.subarray(Number(reply.headers.get('inference-header-content-length'))).equals(data));
    });
  }

  const whole = gzipSync(jsonRequest(300));
  for (const [what, encoding, body] of [
    ['that is cut off', 'gzip', whole.subarray(0, -9)],
    [
      'that is damaged',
      'gzip',
      Buffer.concat([whole.subarray(0, 30), Buffer.alloc(20, 0xff), whole.subarray(50)]),
    ],
    ['with a wrong sum', 'gzip', Buffer.concat([whole.subarray(0, -8), Buffer.alloc(8)])],
    ['that is not compressed', 'gzip', Buffer.from(jsonRequest(3))],
    ['that is raw', 'deflate', deflateRawSync(jsonRequest(3))],
  ] as const) {
    it(`1.7: a ${encoding} body ${what} is refused with 400`, async () => {
      const reply = await post(body, { 'content-encoding': encoding });
      assert.equal(reply.status, 400);
      assert.match(await reply.text(), /is not valid (gzip|deflate)/);
    });
  }

  for (const encoding of ['br', 'zstd', 'gzip, gzip', 'gzip;q=1', 'x-gzip']) {
    it(`1.7: a body with Content-Encoding '${encoding}' is refused with 501`, async () => {
      const reply = await post('{}', { 'content-encoding': encoding });
      assert.equal(reply.status, 501);
      assert.equal(reply.headers.get('accept-encoding'), 'gzip, deflate');
      assert.match(await reply.text(), /Unsupported compression type/);
    });
  }

  it('hardening 5.3: bombs are refused when they pass the limit, and give back what they held', async () => {
    const bomb = gzipSync(Buffer.alloc(60 << 20, ' '));
    assert.ok(bomb.length < maxBodyBytes);
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => post(bomb, { 'content-encoding': 'gzip' })),
    );
    for (const reply of replies) {
      assert.equal(reply.status, 400);
      assert.match(await reply.text(), /exceeds the maximum allowed input size of 1048576 bytes/);
    }
    assert.equal((await post(jsonRequest(3))).status, 200);
  });

  it('hardening 5.3: bodies of all connections together are bounded, also what they inflate to', async () => {
    await using small = await TestFront.start({ limits: { maxBodyBytes, maxHeldBytes: 1 << 19 } });
    const body = gzipSync(Buffer.concat([Buffer.from(jsonRequest(3)), Buffer.alloc((1 << 19) + 1000, ' ')]));
    for (let turn = 0; turn < 3; turn++) {
      const reply = await fetch(small.url + path, {
        method: 'POST',
        body,
        headers: { 'content-encoding': 'gzip' },
      });
      assert.equal(reply.status, 429);
      assert.equal(reply.headers.get('tensorgate-reason'), 'MEMORY_BUDGET');
      await reply.body?.cancel();
    }
    const fine = await fetch(small.url + path, { method: 'POST', body: jsonRequest(3) });
    assert.equal(fine.status, 200);
    await fine.body?.cancel();
  });

  const asked = async (accept: string | undefined, count: number): Promise<RawReply> => {
    using connection = new RawConnection(front.server.address);
    connection.send(
      rawPost(path, jsonRequest(count), accept === undefined ? {} : { 'accept-encoding': accept }),
    );
    return await connection.reply();
  };

  for (const [accept, expected] of [
    [undefined, undefined],
    ['', undefined],
    ['br', undefined],
    ['gzip', 'gzip'],
    ['deflate', 'deflate'],
    ['deflate, gzip', 'deflate'],
    ['deflate;q=0.5, gzip', 'gzip'],
    ['gzip;q=0.5, deflate;q=0.8', 'deflate'],
    ['gzip;q=0', undefined],
    ['*', 'gzip'],
    ['*;q=0', undefined],
    ['identity, gzip;q=0.5', undefined],
    ['GZIP ; Q=1', 'gzip'],
    ['gzip;q=2', undefined],
    [`${'x,'.repeat(5000)}gzip`, undefined],
  ] as const) {
    it(`2.1: a large JSON reply to Accept-Encoding '${String(accept).slice(0, 40)}' is ${expected ?? 'plain'}`, async () => {
      const { headers, body } = await asked(accept, 5000);
      assert.equal(headers.get('content-encoding'), expected);
      assert.equal(headers.get('vary'), 'Accept-Encoding');
      const plain =
        expected === 'gzip' ? gunzipSync(body) : expected === 'deflate' ? inflateSync(body) : body;
      assert.equal(JSON.parse(plain.toString()).outputs[0].data.length, 5000);
    });
  }

  it('0.8: small JSON replies are not compressed', async () => {
    const { headers } = await asked('gzip, deflate, br', 10);
    assert.equal(headers.get('content-encoding'), undefined);
  });

  it('0.8: binary tensors are never compressed', async () => {
    const { json, body } = binaryRequest([floats(50_000)]);
    using connection = new RawConnection(front.server.address);
    connection.send(
      `POST ${path} HTTP/1.1\r\nhost: a\r\naccept-encoding: gzip\r\ncontent-length: ${body.length}\r\n`,
      `inference-header-content-length: ${json.length}\r\n\r\n`,
      body,
    );
    const reply = await connection.reply();
    assert.equal(reply.headers.get('content-encoding'), undefined);
    assert.equal(reply.headers.get('content-type'), 'application/octet-stream');
    assert.ok(binaryPartOf(reply).equals(floats(50_000)));
  });
});

describe('large bodies of JSON', () => {
  it('are answered as small ones are, and refused as they are', async () => {
    await using front = await TestFront.start();
    using connection = new RawConnection(front.server.address);
    // A thread reads what is longer than 512 KiB.
    const count = 150_000;
    connection.send(rawPost(path, jsonRequest(count)));
    const reply = await connection.reply();
    assert.equal(reply.status, 200, reply.body.toString().slice(0, 300));
    const { outputs } = JSON.parse(reply.body.toString());
    assert.equal(outputs[0].data.length, count);
    assert.equal(outputs[0].data[count - 1], count - 1);
    for (const wrong of [jsonRequest(count).slice(0, -2), jsonRequest(count).replace('FP32', 'FP16')]) {
      connection.send(rawPost(path, wrong));
      const refused = await connection.reply();
      assert.equal(refused.status, 400);
      assert.match(
        refused.body.toString(),
        wrong.includes('FP16') ? /receiving FP16 data via JSON/ : /failed to parse/,
      );
    }
  });
});
