import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { FrameReader } from '../../../src/execution/frame-reader.ts';
import { frameKinds, headerBytes, writeHeader } from '../../../src/execution/process-frames.ts';

function frame(kind: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(headerBytes);
  writeHeader(header, { kind, sizeBytes: body.byteLength });
  return Buffer.concat([header, body]);
}

test('frames come out as they went in, however the socket cuts them', () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 5 });
  const cuts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(bodies, cuts, (sent, sizes) => {
      const received: string[] = [];
      const reader = new FrameReader((kind, body) => {
        assert.equal(kind, frameKinds.outputs);
        if (body.byteLength > 0) assert.equal(body.byteOffset % 8, 0);
        received.push(body.toString('hex'));
      });
      const stream = Buffer.concat(sent.map((body) => frame(frameKinds.outputs, body)));
      for (let at = 0, index = 0; at < stream.byteLength; index += 1) {
        const size = sizes[index % sizes.length] ?? 1;
        reader.push(Buffer.from(stream.subarray(at, at + size)));
        at += size;
      }
      assert.deepEqual(
        received,
        sent.map((body) => Buffer.from(body).toString('hex')),
      );
    }),
    { numRuns: 60 },
  );
});

for (const [what, kind, sizeBytes] of [
  ['an unknown kind', 99, 4],
  ['no kind', Number.NaN, 4],
  ['a negative size', frameKinds.outputs, -1],
  ['a size beyond any memory', frameKinds.outputs, 2 ** 50],
  ['half a byte', frameKinds.outputs, 0.5],
] as const) {
  test(`a header with ${what} is refused before anything is allocated for it`, () => {
    const header = Buffer.alloc(headerBytes);
    writeHeader(header, { kind, sizeBytes });
    const reader = new FrameReader(() => assert.fail('a frame came out'));
    assert.throws(() => reader.push(header), /what is no frame/);
  });
}
