import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MessageReader, type MessageTarget } from '../../../../src/transport/grpc/h2-message-reader.ts';
import { message, uint32 } from '../../../support/h2-frames.ts';

class Target implements MessageTarget {
  readonly maxMessageBytes = 1_000_000;
  readonly messages: Buffer[] = [];
  readonly events: string[] = [];
  keptBytes = 0;
  maxKeptBytes = Infinity;

  onMessage(bytes: Buffer, isCompressed: boolean): void {
    this.messages.push(bytes);
    this.events.push(isCompressed ? 'compressed' : 'plain');
  }

  onTooLarge(): void {
    this.events.push('too large');
  }

  onBadFlags(): void {
    this.events.push('bad flags');
  }

  keep(sizeBytes: number): boolean {
    this.keptBytes += sizeBytes;
    return this.keptBytes <= this.maxKeptBytes;
  }
}

describe('MessageReader', () => {
  const bodies = [0, 1, 5, 3000, 100_000].map((size) => Buffer.alloc(size, size % 251));
  const stream = Buffer.concat(bodies.map((body) => message(body)));

  it('finds the same messages however the bytes are cut', () => {
    for (const size of [1, 2, 3, 4, 5, 6, 1000, 4096, 50_000, stream.length]) {
      const target = new Target();
      const reader = new MessageReader(target);
      for (let at = 0; at < stream.length; at += size) {
        reader.feed(stream, at, Math.min(stream.length, at + size));
      }
      assert.deepEqual(target.messages, bodies, `in parts of ${size}`);
      assert.equal(reader.isInsideMessage, false);
    }
  });

  it('hands messages on in memory of their own, since the chunk is read into again', () => {
    const target = new Target();
    const chunk = Buffer.from(stream);
    new MessageReader(target).feed(chunk, 0, chunk.length);
    chunk.fill(0xaa);
    assert.deepEqual(target.messages, bodies);
    assert.equal(target.keptBytes, 0);
  });

  it('takes memory for what has arrived, not for what is claimed', () => {
    const before = process.memoryUsage().arrayBuffers;
    const claims = Array.from({ length: 200 }, () => {
      const reader = new MessageReader(new Target());
      const claim = Buffer.concat([Buffer.from([0]), uint32(1_000_000), Buffer.alloc(100)]);
      reader.feed(claim, 0, claim.length);
      return reader;
    });
    assert.ok(process.memoryUsage().arrayBuffers - before < 2_000_000);
    assert.ok(claims.every(({ isInsideMessage }) => isInsideMessage));
  });

  it('tells compressed messages, lengths above the limit and unknown flags', () => {
    const cases: [Buffer, string][] = [
      [Buffer.from([1, 0, 0, 0, 1, 9]), 'compressed'],
      [Buffer.concat([Buffer.from([0]), uint32(1_000_001)]), 'too large'],
      [Buffer.from([2, 0, 0, 0, 0]), 'bad flags'],
    ];
    for (const [bytes, event] of cases) {
      const target = new Target();
      new MessageReader(target).feed(bytes, 0, bytes.length);
      assert.deepEqual(target.events, [event]);
    }
  });

  it('stops for good when it may keep no more', () => {
    const target = new Target();
    target.maxKeptBytes = 10;
    const reader = new MessageReader(target);
    const claim = Buffer.concat([Buffer.from([0]), uint32(1000), Buffer.alloc(8)]);
    reader.feed(claim, 0, claim.length);
    reader.feed(claim, 0, claim.length);
    reader.feed(claim, 0, claim.length);
    assert.equal(target.keptBytes, 8 + claim.length);
  });
});
