import { ServingError } from '../../errors.ts';
import { WireReader, wireType } from './wire-reader.ts';

/** Shorter messages hold too few fields to cost anything. */
const scannedBytes = 4096;

/** Of messages that carry neither tensors nor files. */
const maxPlainBytes = 4 << 20;

/** Messages whose map holds files or inputs, each of any size. */
const largeRpcs: ReadonlySet<string> = new Set(['RepositoryModelLoad', 'Predictions', 'StreamPredictions']);

/** Fields of a message and of those in it. A general decoder makes hundreds of bytes of an entry of five. */
const maxFields = 65_536;

/**
 * Bounds what a general decoder may make of a message: millions of map entries in 64 MiB took it 43 s and a gigabyte. The
 * codecs of inference bound themselves.
 *
 * @throws resource_exhausted
 */
export function boundMessage(rpc: string, message: Buffer): void {
  if (message.length <= scannedBytes) return;
  if (message.length > maxPlainBytes && !largeRpcs.has(rpc)) {
    throw tooLarge(
      `message of ${message.length} bytes is larger than the ${maxPlainBytes} that ${rpc} takes`,
    );
  }
  if (countFields(message) > maxFields) throw tooLarge(`message has more than ${maxFields} fields`);
}

/** Of the message and, as far as they look like messages, of what is in it. Stops at what is no message, or too many. */
function countFields(message: Buffer): number {
  const reader = new WireReader(message);
  let count = 0;
  try {
    while (reader.position < reader.end && count <= maxFields) {
      const tag = reader.tag();
      count++;
      if ((tag & 7) !== wireType.bytes) {
        reader.skip(tag);
        continue;
      }
      const outer = reader.enter();
      const end = reader.end;
      count += countInner(reader, maxFields - count);
      reader.position = end;
      reader.leave(outer);
    }
  } catch {
    // The decoder says that it is malformed.
  }
  return count;
}

function countInner(reader: WireReader, limit: number): number {
  let count = 0;
  try {
    while (reader.position < reader.end && count <= limit) {
      reader.skip(reader.tag());
      count++;
    }
  } catch {
    // A text or the bytes of a file, then: they are one value.
    return 0;
  }
  return count;
}

function tooLarge(message: string): ServingError {
  return new ServingError('resource_exhausted', message, { reason: 'MESSAGE_TOO_LARGE' });
}
