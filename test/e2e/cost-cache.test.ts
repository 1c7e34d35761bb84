import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeldModels, valuesOf } from '../support/held-model.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const config = { learned: 'max_batch_size: 8 dynamic_batching { }' };
const metric = 'tensorgate_batch_cost_seconds';

for (const threads of ['1', '2']) {
  test(
    `with ${threads} I/O threads a server knows from the start what its predecessor learned`,
    { timeout: 240_000 },
    async () => {
      using folder = new TemporaryFolder();
      const args = ['--cost-cache', folder.path, '--io-threads', threads];
      let learned: number;
      {
        await using models = await HeldModels.start(config, args);
        for (let run = 0; run < 25; run++) await models.infer('learned', { values: [3_000] });
        learned = await models.reading('learned', metric, 'rows="1"');
      }
      await using models = await HeldModels.start(config, args);
      // Nothing can be learned while the first run goes on.
      const running = await models.hold('learned');
      const known = await models.reading('learned', metric, 'rows="1"');
      // A hundredth of it, where it has only been rehearsed.
      assert.ok(known > 0.5 * learned && known < 2 * learned, `${known} s after ${learned} s`);
      await running.release();
    },
  );
}

test(
  'a file that is not what it should be is ignored with one line in the log',
  { timeout: 240_000 },
  async () => {
    using folder = new TemporaryFolder();
    folder.write('batch-costs.json', '{"format":1,"costs":[{}]}');
    await using models = await HeldModels.start(config, ['--cost-cache', folder.path]);
    assert.deepEqual(valuesOf(await models.infer('learned', { values: [1] })), [1]);
    const lines = models.server.output().split('\n');
    assert.equal(lines.filter((line) => line.includes('the file of batch costs is ignored')).length, 1);
  },
);
