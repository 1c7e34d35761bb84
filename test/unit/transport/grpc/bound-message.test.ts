import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { boundMessage } from '../../../../src/transport/grpc/bound-message.ts';
import { inferenceService } from '../../../../src/transport/grpc/protocol-method.ts';
import { encodeBytesField } from '../../../../src/transport/grpc/wire-writer.ts';
import { refusalOf } from '../../../support/refusal.ts';

const empty = Buffer.alloc(0);

/** So many fields of the number, one behind the other. */
function repeated(field: number, count: number, value: Uint8Array = empty): Buffer {
  const one = encodeBytesField(field, value);
  return Buffer.alloc(one.length * count, one);
}

const tooMany = /more than 65536 fields/;

describe('a message for a general decoder', () => {
  const refused: Record<string, [rpc: string, message: Buffer, says: RegExp]> = {
    'too many map entries': ['RepositoryModelLoad', repeated(3, 65_537, repeated(1, 1)), tooMany],
    'too many fields in one entry': ['RepositoryModelLoad', repeated(3, 1, repeated(2, 65_537)), tooMany],
    'too many inputs': ['Predictions', repeated(3, 65_537), tooMany],
    'too many fields that nobody knows': ['ServerLive', repeated(99, 65_537), tooMany],
    'more bytes than its rpc has use for': [
      'TraceSetting',
      repeated(1, 1, Buffer.alloc(4 << 20)),
      /larger than the 4194304 that TraceSetting takes/,
    ],
  };
  for (const [title, [rpc, message, says]] of Object.entries(refused)) {
    it(`is refused with ${title}`, () => {
      const { code, reason, message: text } = refusalOf(() => boundMessage(rpc, message));
      assert.deepEqual([code, reason], ['resource_exhausted', 'MESSAGE_TOO_LARGE']);
      assert.match(text, says);
    });
  }

  it('may hold a large file, whatever is in it', () => {
    for (const fill of [0, 1, 0x0a, 0xff]) {
      boundMessage('RepositoryModelLoad', repeated(3, 2, encodeBytesField(2, Buffer.alloc(5 << 20, fill))));
      boundMessage('Predictions', repeated(3, 2, encodeBytesField(2, Buffer.alloc(5 << 20, fill))));
    }
  });

  it('that is none is left to the decoder', () => {
    boundMessage('ServerLive', Buffer.alloc(10_000, 0xff));
    boundMessage('ServerLive', Buffer.alloc(10_000, 0x0b));
  });

  it('is bounded before each rpc of the protocol decodes it', () => {
    const { code } = refusalOf(() => inferenceService().method('LogSettings').decode(repeated(1, 65_537)));
    assert.equal(code, 'resource_exhausted');
  });
});
