import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeHeaderBlock } from '../../../../src/transport/h2/hpack-encode.ts';
import { okHeaders, someTrailers, TestConnection } from '../../../support/h2-connection.ts';
import {
  frame,
  opening,
  preface,
  request,
  requestBlock,
  settings,
  uint32,
} from '../../../support/h2-frames.ts';

const [data, headers, priority, rstStream, goAway, windowUpdate, continuation] = [
  0, 1, 2, 3, 7, 8, 9,
] as const;
const [settingsType, ping] = [4, 6] as const;
const [endStream, endHeaders, padded, withPriority] = [1, 4, 8, 32] as const;
const [protocolError, flowControlError, streamClosed, frameSizeError] = [1, 3, 5, 6] as const;
const whole = endHeaders | endStream;
const largestWindow = 2 ** 31 - 1;

function block(...fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.from(encodeHeaderBlock(fields));
}

const method = [':method', 'POST'] as const;
const scheme = [':scheme', 'http'] as const;
const path = [':path', '/'] as const;

/** What a client sends after its opening, and the error code that ends the connection. */
const connectionErrors: Readonly<Record<string, readonly [code: number, ...frames: Buffer[]]>> = {
  'an even stream id': [protocolError, request(2)],
  'HEADERS on stream 0': [protocolError, request(0)],
  'HEADERS with more padding than they have bytes': [
    protocolError,
    frame(headers, whole | padded, 1, Buffer.concat([Buffer.from([200]), requestBlock()])),
  ],
  'another frame within a header block': [
    protocolError,
    frame(headers, endStream, 1, requestBlock()),
    frame(ping, 0, 0, Buffer.alloc(8)),
  ],
  'a CONTINUATION of another stream': [
    protocolError,
    frame(headers, endStream, 1, requestBlock()),
    frame(continuation, endHeaders, 3),
  ],
  'a CONTINUATION without HEADERS': [protocolError, frame(continuation, endHeaders, 1)],
  'DATA on an idle stream': [protocolError, frame(data, 0, 1, Buffer.alloc(1))],
  'DATA on stream 0': [protocolError, frame(data, 0, 0, Buffer.alloc(1))],
  'RST_STREAM on an idle stream': [protocolError, frame(rstStream, 0, 1, uint32(8))],
  'RST_STREAM of a wrong length': [frameSizeError, request(1), frame(rstStream, 0, 1, Buffer.alloc(3))],
  'WINDOW_UPDATE on an idle stream': [protocolError, frame(windowUpdate, 0, 1, uint32(1))],
  'WINDOW_UPDATE of 0 on the connection': [protocolError, frame(windowUpdate, 0, 0, uint32(0))],
  'WINDOW_UPDATE of a wrong length': [frameSizeError, frame(windowUpdate, 0, 0, Buffer.alloc(5))],
  'a connection window above 2^31-1': [flowControlError, frame(windowUpdate, 0, 0, uint32(largestWindow))],
  'an initial window above 2^31-1': [flowControlError, settings({ 4: 2 ** 31 })],
  'an initial window that takes a stream above 2^31-1': [
    flowControlError,
    request(1),
    frame(windowUpdate, 0, 1, uint32(1000)),
    settings({ 4: largestWindow }),
  ],
  'a frame size below 16,384': [protocolError, settings({ 5: 16_383 })],
  'a frame size above 2^24-1': [protocolError, settings({ 5: 2 ** 24 })],
  'a push setting of 2': [protocolError, settings({ 2: 2 })],
  'SETTINGS of odd length': [frameSizeError, frame(settingsType, 0, 0, Buffer.alloc(5))],
  'SETTINGS on a stream': [protocolError, frame(settingsType, 0, 1)],
  'SETTINGS acknowledged with a payload': [frameSizeError, frame(settingsType, 1, 0, Buffer.alloc(6))],
  'PING of a wrong length': [frameSizeError, frame(ping, 0, 0, Buffer.alloc(7))],
  'PING on a stream': [protocolError, frame(ping, 0, 1, Buffer.alloc(8))],
  PUSH_PROMISE: [protocolError, frame(5, endHeaders, 1, Buffer.alloc(4))],
  'PRIORITY on stream 0': [protocolError, frame(priority, 0, 0, Buffer.alloc(5))],
};

/** What a client sends after its opening, and the code of the RST_STREAM for stream 1; the connection goes on. */
const streamErrors: Readonly<Record<string, readonly [code: number, ...frames: Buffer[]]>> = {
  'DATA after the end of the stream': [streamClosed, request(1, whole), frame(data, 0, 1, Buffer.alloc(1))],
  'HEADERS after the end of the stream': [streamClosed, request(1, whole), request(1, whole)],
  'trailers that do not end the stream': [
    protocolError,
    request(1),
    frame(headers, endHeaders, 1, block(['x', 'y'])),
  ],
  'trailers with a pseudo-header field': [protocolError, request(1), frame(headers, whole, 1, block(path))],
  'trailers in upper case': [protocolError, request(1), frame(headers, whole, 1, block(['X', 'y']))],
  'a stream that depends on itself': [
    protocolError,
    frame(headers, whole | withPriority, 1, Buffer.concat([uint32(1), Buffer.from([15]), requestBlock()])),
  ],
  'a WINDOW_UPDATE of 0': [protocolError, request(1), frame(windowUpdate, 0, 1, uint32(0))],
  'a stream window above 2^31-1': [
    flowControlError,
    request(1),
    frame(windowUpdate, 0, 1, uint32(largestWindow)),
  ],
  'a pseudo-header field after others': [
    protocolError,
    frame(headers, whole, 1, block(method, scheme, ['te', 'trailers'], path)),
  ],
  'a pseudo-header field twice': [protocolError, frame(headers, whole, 1, block(method, scheme, path, path))],
  'an unknown pseudo-header field': [
    protocolError,
    frame(headers, whole, 1, block(method, scheme, path, [':x', 'y'])),
  ],
  'no scheme': [protocolError, frame(headers, whole, 1, block(method, path))],
  'no path': [protocolError, frame(headers, whole, 1, block(method, scheme))],
  'less DATA than the content-length': [
    protocolError,
    frame(headers, endHeaders, 1, requestBlock('/', [['content-length', '3']])),
    frame(data, endStream, 1, Buffer.alloc(2)),
  ],
};

describe('a client that breaks a rule', () => {
  for (const [name, [code, ...frames]] of Object.entries(connectionErrors)) {
    it(`loses the connection for ${name}`, () => {
      const test = new TestConnection();
      test.socket.receive(Buffer.concat(frames));
      assert.equal(test.goAwayCode(), code);
    });
  }

  for (const [name, [code, ...frames]] of Object.entries(streamErrors)) {
    it(`loses the stream, and nothing else, for ${name}`, () => {
      const test = new TestConnection();
      test.socket.receive(Buffer.concat(frames));
      const sent = test.frames();
      const resets = sent.filter(({ type }) => type === rstStream);
      assert.deepEqual(
        resets.map(({ streamId, payload }) => [streamId, payload.readUInt32BE()]),
        [[1, code]],
      );
      assert.ok(!sent.some(({ type }) => type === goAway));
      test.socket.receive(request(3, whole));
      assert.deepEqual(test.sink.events, ['end']);
    });
  }

  it('loses the connection when its first frame is not SETTINGS', () => {
    for (const first of [frame(ping, 0, 0, Buffer.alloc(8)), request(1), frame(settingsType, 1, 0)]) {
      const test = new TestConnection({}, Buffer.concat([preface, first]));
      assert.equal(test.goAwayCode(), protocolError);
      assert.equal(test.sinks.length, 0);
    }
  });

  it('loses the connection when it sends more than the window of the connection', () => {
    const windows = { connectionWindowBytes: 65_535, streamWindowBytes: 1 << 20, maxFrameBytes: 1 << 20 };
    const test = new TestConnection(windows);
    test.socket.receive(Buffer.concat([request(1), frame(data, 0, 1, Buffer.alloc(65_535))]));
    assert.equal(test.goAwayCode(), undefined);
    test.socket.receive(frame(data, 0, 1, Buffer.alloc(65_536)));
    assert.equal(test.goAwayCode(), flowControlError);
  });

  it('loses the connection for HEADERS on a stream that has long ended', () => {
    const test = new TestConnection();
    test.socket.receive(request(1, whole));
    const blocks = { headers: okHeaders, trailers: someTrailers };
    test.sink.stream.reply(blocks, Buffer.alloc(0), Buffer.alloc(0));
    test.socket.receive(request(1, whole));
    assert.equal(test.goAwayCode(), streamClosed);
  });

  it('may still send trailers on a stream that was answered early, but not once it has reset that itself', () => {
    const test = new TestConnection();
    test.socket.receive(request(1));
    const blocks = { headers: okHeaders, trailers: someTrailers };
    test.sink.stream.reply(blocks, Buffer.alloc(0), Buffer.alloc(0));
    test.socket.receive(request(1, whole));
    assert.equal(test.goAwayCode(), undefined);
    test.socket.receive(frame(rstStream, 0, 1, uint32(8)));
    test.socket.receive(request(1, whole));
    assert.equal(test.goAwayCode(), streamClosed);
  });
});

describe('a header block that was seen before', () => {
  it('means what the table says now, also when trailers changed the table', () => {
    const test = new TestConnection();
    const adds = (value: string): Buffer =>
      Buffer.from(`\x40\x01x${String.fromCharCode(value.length)}${value}`);
    const newest = Buffer.concat([requestBlock(), Buffer.from([0xbe])]);
    const ask = (streamId: number): Buffer => frame(headers, endHeaders, streamId, newest);
    test.socket.receive(frame(headers, whole, 1, Buffer.concat([requestBlock(), adds('one')])));
    test.socket.receive(Buffer.concat([ask(3), ask(5)]));
    test.socket.receive(frame(headers, whole, 5, adds('two')));
    test.socket.receive(ask(7));
    assert.deepEqual(
      test.sinks.map(({ head }) => head.get('x')),
      ['one', 'one', 'one', 'two'],
    );
  });
});

describe('settings', () => {
  it('that open the window let go what waits', () => {
    const test = new TestConnection({}, Buffer.concat([preface, settings({ 4: 0 })]));
    test.socket.receive(request(1, whole));
    const blocks = { headers: okHeaders, trailers: someTrailers };
    test.sink.stream.reply(blocks, Buffer.alloc(0), Buffer.from('late'));
    assert.deepEqual(test.framesOf(data), []);
    test.socket.receive(settings({ 4: 100 }));
    assert.equal(Buffer.concat(test.framesOf(data).map(({ payload }) => payload)).toString(), 'late');
  });

  it('are acknowledged, each once', () => {
    const test = new TestConnection({}, opening);
    test.frames();
    test.socket.receive(Buffer.concat([settings(), settings({ 3: 1 })]));
    assert.deepEqual(
      test.framesOf(settingsType).map(({ flags, payload }) => [flags, payload.length]),
      [
        [1, 0],
        [1, 0],
      ],
    );
  });
});
