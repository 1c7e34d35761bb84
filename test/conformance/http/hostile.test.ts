import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { models } from '../protocol/support/models.ts';
import { elements, rowsOf } from '../protocol/support/requests.ts';
import { Serving } from '../protocol/support/serving.ts';
import { inferText } from './support/http-error-cases.ts';
import { RawConnection, type RawReply } from './support/raw-connection.ts';

/** What a client may be told, whatever it sent. */
const decentStatuses: ReadonlySet<number> = new Set([200, 400, 404, 405, 408, 413, 414, 417, 429, 431, 501]);

const maxHeldBytes = 1 << 20;

interface Target {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Buffer;
}

function binaryTarget(model: string, datatype: string, shape: readonly number[], data: Buffer): Target {
  const parameters = { binary_data_size: data.length };
  const json = JSON.stringify({
    id: '1',
    inputs: [{ name: 'x', datatype, shape, parameters }],
    parameters: { binary_data_output: true },
  });
  return {
    path: `/v2/models/${model}/infer`,
    headers: { 'inference-header-content-length': json.length },
    body: Buffer.concat([Buffer.from(json), data]),
  };
}

const targets: readonly Target[] = [
  {
    path: '/v2/models/mlp/infer',
    headers: {},
    body: Buffer.from(inferText({ id: 'a', parameters: { a: 1.5 } })),
  },
  {
    path: '/v2/models/text/infer',
    headers: {},
    body: Buffer.from(
      JSON.stringify({
        inputs: [{ name: 'x', datatype: 'BYTES', shape: [1, 2], data: ['a\u00e9\n', 'b"'] }],
      }),
    ),
  },
  binaryTarget('mlp', 'FP32', [1, 16], rowsOf(1)),
  binaryTarget('text', 'BYTES', [1, 2], elements('one', 'two')),
  {
    path: '/v2/models/mlp/generate',
    headers: {},
    body: Buffer.from('{"x":[1,2,3],"id":"a","parameters":{}}'),
  },
  { path: '/v2/models/mlp/generate_stream', headers: {}, body: Buffer.from('{"x":[1,2,3],"id":"a"}') },
  { path: '/v2/repository/index', headers: {}, body: Buffer.from('{"ready":true}') },
  {
    path: '/v2/repository/models/nowhere/load',
    headers: {},
    body: Buffer.from('{"parameters":{"config":"{}","file:1/model.onnx":"AAAA"}}'),
  },
  { path: '/v2/trace/setting', headers: {}, body: Buffer.from('{"trace_level":["OFF"],"trace_rate":null}') },
  { path: '/v1/models/mlp:predict', headers: {}, body: Buffer.from('{"instances":[[1,2],[3,4]]}') },
];

/** Bytes that mean something to one reader or another. */
const piece = fc.oneof(
  fc.constantFrom(
    '"',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '\\',
    '\0',
    '-',
    '1e999',
    'NaN',
    'null',
    '\\ud800',
    '0.',
    '9'.repeat(30),
  ),
  fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
);

const damage = fc.array(fc.tuple(fc.nat(), fc.nat(8), piece), { minLength: 1, maxLength: 4 });

function damaged(body: Buffer, changes: readonly (readonly [number, number, string])[]): Buffer {
  let bytes = body;
  for (const [where, length, inserted] of changes) {
    const at = where % (bytes.length + 1);
    bytes = Buffer.concat([
      bytes.subarray(0, at),
      Buffer.from(inserted, 'latin1'),
      bytes.subarray(at + length),
    ]);
  }
  return bytes;
}

function headOf({ path, headers }: Target, sizeBytes: number): string {
  const fields = { host: 'a', ...headers, 'content-length': sizeBytes };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

describe('hostile bytes over HTTP', () => {
  let serving: Serving;
  let address: string;

  before(async () => {
    const { mlp = { fixture: 'mlp16' }, text = { fixture: 'identity_string' } } = models;
    serving = await Serving.start(
      'h2',
      { mlp, text },
      {
        models: { controlMode: 'explicit', load: ['mlp', 'text'] },
        server: { byteBudget: maxHeldBytes },
        security: { allowSettings: true },
      },
    );
    address = serving.server.httpAddress;
  });
  after(() => serving[Symbol.asyncDispose]());

  /** All that may be held is free: a request that takes it is answered. */
  const assertWell = async (): Promise<void> => {
    using connection = new RawConnection(address);
    const body = Buffer.from(inferText().padEnd(maxHeldBytes - 5000));
    let reply: RawReply | undefined;
    // What has just been cut off may still be on its way out.
    for (let tries = 0; reply?.status !== 200 && tries < 100; tries++) {
      connection.send(headOf({ path: '/v2/models/mlp/infer', headers: {}, body }, body.length), body);
      reply = await connection.reply();
    }
    assert.equal(reply?.status, 200);
  };

  for (const target of targets) {
    it(`hardening 5.2: a damaged body for ${target.path} with ${Object.keys(target.headers).length} headers is no fault of the server's`, async () => {
      using connection = new RawConnection(address);
      await fc.assert(
        fc.asyncProperty(damage, async (changes) => {
          const body = damaged(target.body, changes);
          connection.send(headOf(target, body.length), body);
          const { status, body: told } = await connection.reply();
          assert.ok(decentStatuses.has(status), `${status}: ${told.toString()}`);
          if (status >= 400)
            assert.doesNotMatch(told.toString(), /\/tmp\/|onnxruntime|node_modules|\bat \w+ \(/i);
        }),
        { numRuns: 150 },
      );
      await assertWell();
    });
  }

  it('hardening 5.2: a header length that is wrong is no fault of the server, whatever it is', async () => {
    const target = binaryTarget('mlp', 'FP32', [1, 16], rowsOf(1));
    using connection = new RawConnection(address);
    for (let length = 1; length <= target.body.length + 1; length++) {
      const { body } = target;
      const wrong = { ...target, headers: { 'inference-header-content-length': length } };
      connection.send(headOf(wrong, body.length), body);
      const { status } = await connection.reply();
      const right = length === target.headers['inference-header-content-length'];
      assert.equal(status, right ? 200 : 400, String(length));
    }
  });

  it('hardening 5.2: what is no HTTP ends its connection and nothing else', async () => {
    const opening = fc.constantFrom(
      '',
      'GET ',
      'POST / HTTP/1.1\r\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      '\u0016\u0003\u0001',
    );
    await fc.assert(
      fc.asyncProperty(opening, fc.uint8Array({ minLength: 1, maxLength: 200 }), async (first, bytes) => {
        using connection = new RawConnection(address);
        connection.socket.end(Buffer.concat([Buffer.from(first, 'latin1'), bytes]));
        await connection.closed;
      }),
      { numRuns: 150 },
    );
    await assertWell();
  });

  it('hardening 5.2: requests that are cut off anywhere are forgotten', async () => {
    const { body, ...target } = binaryTarget('mlp', 'FP32', [1, 16], rowsOf(1));
    const whole = Buffer.concat([Buffer.from(headOf({ ...target, body }, body.length)), body]);
    for (let end = 1; end < whole.length; end += 7) {
      using connection = new RawConnection(address);
      connection.socket.end(whole.subarray(0, end));
      await connection.closed;
    }
    await assertWell();
  });
});
