import { frame, opening, uint32 } from '../support/h2-frames.ts';
import type { Random } from './random.ts';

/** Payload of the PING that ends every conversation. */
export const lastPing = Buffer.from('the end!');
const ack = frame(4, 1, 0);

/** What a well-behaved client might send, in every form that the protocol knows. */
export interface Conversation {
  readonly frames: readonly Buffer[];
  /** Streams that are complete and must be answered. */
  readonly streams: number;
}

/** Writes header blocks that use the dynamic table, and knows what is in it. */
class BlockWriter {
  readonly #random: Random;
  /** Sizes of the entries, newest first; never more than fit. */
  #entries = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  write(): Buffer {
    const parts: Buffer[] = [Buffer.from([0x83, this.#random.pick([0x86, 0x87]), 0x84, 0x01, 1, 0x61])];
    for (let field = this.#random.below(6); field > 0; field--) parts.push(this.#field());
    return Buffer.concat(parts);
  }

  #field(): Buffer {
    const random = this.#random;
    if (this.#entries > 0 && random.chance(40))
      return Buffer.from([0x80 | (62 + random.below(this.#entries))]);
    const value = Buffer.from(`v${random.below(1000)}`);
    const name = Buffer.from(`x-${random.pick(['a', 'b', 'c'])}`);
    const kind = random.pick([0x40, 0x00, 0x10]);
    // Forty entries of less than 64 bytes fit into 4,096 with certainty.
    if (kind === 0x40) this.#entries = Math.min(40, this.#entries + 1);
    return Buffer.concat([Buffer.from([kind, name.length]), name, Buffer.from([value.length]), value]);
  }
}

function headers(random: Random, streamId: number, block: Buffer, endStream: boolean): Buffer {
  const flags = endStream ? 1 : 0;
  if (random.chance(30)) {
    const cut = random.below(block.length);
    const middle = cut + random.below(block.length - cut);
    return Buffer.concat([
      frame(1, flags, streamId, block.subarray(0, cut)),
      frame(9, 0, streamId, block.subarray(cut, middle)),
      frame(9, 4, streamId, block.subarray(middle)),
    ]);
  }
  if (random.chance(30)) {
    const padBytes = random.below(20);
    const padded = Buffer.concat([
      Buffer.from([padBytes]),
      uint32(0),
      Buffer.from([15]),
      block,
      Buffer.alloc(padBytes),
    ]);
    return frame(1, flags | 4 | 8 | 32, streamId, padded);
  }
  return frame(1, flags | 4, streamId, block);
}

function data(random: Random, streamId: number, endStream: boolean): Buffer {
  const body = random.bytes(random.pick([0, 1, 5, 100, 3000, 16_000]));
  if (!random.chance(30)) return frame(0, endStream ? 1 : 0, streamId, body);
  const padBytes = random.below(256);
  return frame(
    0,
    endStream ? 9 : 8,
    streamId,
    Buffer.concat([Buffer.from([padBytes]), body, Buffer.alloc(padBytes)]),
  );
}

function chatter(random: Random, streamId: number): Buffer {
  return random.pick([
    () => frame(6, 0, 0, random.bytes(8)),
    () => frame(2, 0, streamId, Buffer.concat([uint32(0), Buffer.from([1])])),
    () => frame(8, 0, 0, uint32(1 + random.below(1000))),
    () => frame(4, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(65_535 + random.below(1000))])),
    () => frame(100 + random.below(100), random.below(256), streamId, random.bytes(random.below(50))),
  ])();
}

/** A valid conversation of a few interleaved requests. */
export function writeConversation(random: Random): Conversation {
  const writer = new BlockWriter(random);
  const frames: Buffer[] = [opening, ack];
  const streams = 1 + random.below(6);
  const open: number[] = [];
  let next = 0;
  while (next < streams || open.length > 0) {
    if (random.chance(20)) frames.push(chatter(random, 2 * streams + 11));
    if (next < streams && (open.length === 0 || random.chance(50))) {
      const streamId = 2 * next++ + 1;
      const endStream = random.chance(20);
      frames.push(headers(random, streamId, writer.write(), endStream));
      if (!endStream) open.push(streamId);
      continue;
    }
    const at = random.below(open.length);
    const streamId = open[at]!;
    const isLast = random.chance(40);
    frames.push(data(random, streamId, isLast));
    if (isLast) open.splice(at, 1);
  }
  frames.push(frame(6, 0, 0, lastPing));
  return { frames, streams };
}

/** Damages some bytes, or repeats, drops and swaps frames. The preface stays, so that the damage is looked at. */
export function mutate(random: Random, frames: readonly Buffer[]): Buffer {
  const parts: Buffer[] = frames.slice(1).map((part) => Buffer.from(part));
  for (let count = 1 + random.below(3); count > 0 && parts.length > 0; count--) {
    const at = random.below(parts.length);
    const part = parts[at]!;
    random.pick([
      () => void (part[random.below(part.length)] = random.below(256)),
      () => void (part[random.below(Math.min(9, part.length))] = random.below(256)),
      () => void (part[random.below(part.length)]! ^= 1 << random.below(8)),
      () => void parts.splice(at, 1),
      () => void parts.splice(random.below(parts.length), 0, part),
      () => void parts.splice(at, 1, part.subarray(0, random.below(part.length))),
      () => void parts.splice(at, 0, random.bytes(random.below(40))),
      () =>
        void parts.splice(
          at,
          0,
          frame(random.below(12), random.below(256), random.below(12), random.bytes(random.below(20))),
        ),
    ])();
  }
  return Buffer.concat([frames[0]!, ...parts]);
}
