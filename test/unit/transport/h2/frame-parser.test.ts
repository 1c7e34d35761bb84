import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConnectionError } from '../../../../src/transport/h2/connection-error.ts';
import { FrameParser, type FrameReceiver } from '../../../../src/transport/h2/frame-parser.ts';
import { frame, preface, settings } from '../../../support/h2-frames.ts';

/** Writes down what it is told; DATA bytes joined, so that the way they were cut does not show. */
class Recorder implements FrameReceiver {
  readonly events: string[] = [];
  #data = '';

  onDataStart(streamId: number, frameBytes: number, endStream: boolean): void {
    this.events.push(`data ${streamId} ${frameBytes} ${endStream}`);
  }

  onDataBytes(chunk: Buffer, start: number, end: number): void {
    assert.ok(end > start);
    this.#data += chunk.toString('latin1', start, end);
  }

  onDataEnd(endStream: boolean): void {
    this.events.push(`${this.#data} ${endStream}`);
    this.#data = '';
  }

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    this.events.push(`${type} ${flags} ${streamId} ${bytes.toString('latin1', start, end)}`);
  }
}

const padded = Buffer.concat([Buffer.from([3]), Buffer.from('padded'), Buffer.alloc(3)]);
const conversation = Buffer.concat([
  preface,
  settings({ 4: 100 }),
  frame(1, 4, 1, Buffer.from('a header block')),
  frame(0, 0, 1, Buffer.from('some data')),
  frame(0, 8, 1, padded),
  frame(0, 0, 1),
  frame(0, 9, 1, Buffer.from([0])),
  frame(6, 0, 0, Buffer.from('12345678')),
  frame(200, 255, 7, Buffer.alloc(300, 'x')),
]);

function eventsOf(parts: readonly Buffer[]): string[] {
  const recorder = new Recorder();
  const parser = new FrameParser(recorder, 16_384);
  for (const part of parts) parser.parse(part);
  assert.equal(parser.isAtBoundary, true);
  return recorder.events;
}

describe('FrameParser', () => {
  const whole = eventsOf([conversation]);

  it('tells frames and DATA without padding', () => {
    assert.deepEqual(whole.slice(1, 8), [
      '1 4 1 a header block',
      'data 1 9 false',
      'some data false',
      'data 1 10 false',
      'padded false',
      'data 1 0 false',
      ' false',
    ]);
  });

  it('tells the same however the bytes are cut', () => {
    for (let size = 1; size < 40; size++) {
      const parts: Buffer[] = [];
      for (let at = 0; at < conversation.length; at += size) parts.push(conversation.subarray(at, at + size));
      assert.deepEqual(eventsOf(parts), whole, `in parts of ${size}`);
    }
    for (let at = 0; at <= conversation.length; at++) {
      assert.deepEqual(
        eventsOf([conversation.subarray(0, at), conversation.subarray(at)]),
        whole,
        `cut at ${at}`,
      );
    }
  });

  it('hands DATA on as views of the chunk', () => {
    const chunk = Buffer.concat([preface, frame(0, 0, 1, Buffer.from('view'))]);
    let seen: Buffer | undefined;
    const recorder = new Recorder();
    recorder.onDataBytes = (bytes) => {
      seen = bytes;
    };
    new FrameParser(recorder, 16_384).parse(chunk);
    assert.equal(seen, chunk);
  });

  it('is not at a boundary while a frame or the preface is incomplete', () => {
    for (const cut of [
      preface.subarray(0, 10),
      conversation.subarray(0, 30),
      conversation.subarray(0, 100),
    ]) {
      const parser = new FrameParser(new Recorder(), 16_384);
      parser.parse(cut);
      assert.equal(parser.isAtBoundary, false);
    }
  });

  it('reads nothing after it was stopped, not even of the same chunk', () => {
    const recorder = new Recorder();
    const parser = new FrameParser(recorder, 16_384);
    recorder.onFrame = () => parser.stop();
    parser.parse(conversation);
    assert.deepEqual(recorder.events, []);
  });

  const errors: Record<string, [Buffer, number]> = {
    'another preface': [Buffer.from('GET / HTTP/1.1\r\n\r\n'), 1],
    'a frame larger than announced': [Buffer.concat([preface, frame(4, 0, 0, Buffer.alloc(16_385))]), 6],
    'DATA larger than announced': [Buffer.concat([preface, frame(0, 0, 1, Buffer.alloc(16_385))]), 6],
    'padded DATA without a pad length': [Buffer.concat([preface, frame(0, 8, 1)]), 6],
    'padding as long as the frame': [Buffer.concat([preface, frame(0, 8, 1, Buffer.from([2, 0]))]), 1],
  };
  for (const [name, [bytes, code]] of Object.entries(errors)) {
    it(`fails the connection on ${name}, whole or byte by byte`, () => {
      const isExpected = (error: unknown): boolean => error instanceof ConnectionError && error.code === code;
      assert.throws(() => new FrameParser(new Recorder(), 16_384).parse(bytes), isExpected);
      assert.throws(() => {
        const parser = new FrameParser(new Recorder(), 16_384);
        for (let at = 0; at < bytes.length; at++) parser.parse(bytes.subarray(at, at + 1));
      }, isExpected);
    });
  }
});
