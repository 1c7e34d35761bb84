import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConnectionError } from '../../src/transport/h2/connection-error.ts';
import { mutate, writeConversation } from './conversation.ts';
import { Random } from './random.ts';
import { converse, disposable, startOurs, startReference } from './servers.ts';

/** Each of the two runs takes this long. `npm run fuzz` sets more, and FUZZ_SEED repeats a run that failed. */
const seconds = Number(process.env['FUZZ_SECONDS'] ?? 2);
const fewest = 16;
const firstSeed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000_007);

/** Runs one conversation per seed until the time is over, and some on the slowest machine; eight at once. */
async function forSeeds(run: (seed: number) => Promise<void>): Promise<number> {
  const endAt = performance.now() + seconds * 1000;
  let seed = firstSeed;
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      while (performance.now() < endAt || seed - firstSeed < fewest) await run(seed++);
    }),
  );
  return seed - firstSeed;
}

describe('random HTTP/2 conversations', () => {
  it('that are valid get the answers that node:http2 gives', async () => {
    const failures: unknown[] = [];
    const ours = await startOurs(failures);
    await using _ = disposable(ours);
    await using reference = await startReference();
    const count = await forSeeds(async (seed) => {
      const { frames, streams } = writeConversation(new Random(seed));
      const bytes = Buffer.concat(frames);
      // All of it is answered: nobody has to find out by waiting that nothing more comes.
      const wait = { streams, quietMs: 30_000 };
      const [one, other] = await Promise.all([
        converse(ours.port, bytes, new Random(seed), wait),
        converse(reference.port, bytes, new Random(seed), wait),
      ]);
      const hint = `FUZZ_SEED=${seed}`;
      assert.equal(one.acknowledged, true, hint);
      assert.equal(one.answers.size, streams, hint);
      assert.deepEqual(new Map(one.answers), new Map(other.answers), hint);
    });
    assert.ok(count >= fewest);
    await ours.drain(0);
    assert.deepEqual(failures, []);
    assert.equal(ours.counters.heldBytes, 0);
  });

  it('that are damaged neither crash, hang nor leak, and where both answer they agree', async () => {
    const failures: unknown[] = [];
    const ours = await startOurs(failures);
    await using _ = disposable(ours);
    await using reference = await startReference();
    const count = await forSeeds(async (seed) => {
      const random = new Random(seed);
      const { frames } = writeConversation(random);
      const bytes = mutate(random, frames);
      const wait = { streams: Infinity, quietMs: 25 };
      const [one, other] = await Promise.all([
        converse(ours.port, bytes, new Random(seed), wait),
        converse(reference.port, bytes, new Random(seed), wait),
      ]);
      const hint = `FUZZ_SEED=${seed}`;
      assert.equal(one.closed, true, `hung: ${hint}`);
      for (const [streamId, body] of one.answers) {
        const expected = other.answers.get(streamId);
        if (expected !== undefined) assert.equal(body, expected, `stream ${streamId}: ${hint}`);
      }
    });
    assert.ok(count >= fewest);
    await ours.drain(0);
    for (const failure of failures) assert.ok(failure instanceof ConnectionError, String(failure));
    assert.equal(ours.connectionCount, 0);
    assert.equal(ours.counters.heldBytes, 0);
  });
});
