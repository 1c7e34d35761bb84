import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CostCache, renderCosts } from '../../../src/batching/cost-cache.ts';
import type { CostSnapshot } from '../../../src/batching/inspection.ts';
import { silentLogger, type Logger } from '../../../src/inference/logger.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

function snapshot(digest: string, ms = 5): CostSnapshot {
  return { digest, curves: [{ sizeClass: 4, costs: [{ rows: 8, ms, samples: 20 }] }] };
}

function collecting(lines: string[]): Logger {
  return { ...silentLogger, warn: (_fields, message) => void lines.push(message) };
}

test('what one process saved the next one loads', () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, 'made', 'here');
  new CostCache(path, silentLogger).save([snapshot('a'), snapshot('b')]);
  assert.deepEqual(new CostCache(path, silentLogger).load(), [snapshot('a'), snapshot('b')]);
  assert.deepEqual(readdirSync(path), ['batch-costs.json']);
});

test('models that were not used this time are kept, and the others replaced', () => {
  using folder = new TemporaryFolder();
  const cache = new CostCache(folder.path, silentLogger);
  cache.save([snapshot('a'), snapshot('b')]);
  cache.save([snapshot('a', 7), { digest: 'b', curves: [] }]);
  assert.deepEqual(cache.load(), [snapshot('b'), snapshot('a', 7)]);
});

test('the file is bounded', () => {
  using folder = new TemporaryFolder();
  const cache = new CostCache(folder.path, silentLogger);
  cache.save(Array.from({ length: 300 }, (_, index) => snapshot(`m${index}`)));
  const kept = cache.load();
  assert.equal(kept.length, 256);
  assert.equal(kept.at(-1)?.digest, 'm299');
});

test('without a file nothing is known, and nothing is said', () => {
  using folder = new TemporaryFolder();
  const lines: string[] = [];
  assert.deepEqual(new CostCache(folder.path, collecting(lines)).load(), []);
  assert.deepEqual(lines, []);
});

for (const [what, text] of [
  ['is cut off', renderCosts([snapshot('a')]).slice(0, 40)],
  ['has another format', '{"format":2,"costs":[]}'],
  ['is a list', '[]'],
  ['has a digest that is no text', '{"format":1,"costs":[{"digest":1,"curves":[]}]}'],
  ['has a time that is no number', renderCosts([snapshot('a', Number.NaN)])],
  ['has a negative time', renderCosts([snapshot('a', -1)])],
  ['lacks its curves', '{"format":1,"costs":[{"digest":"a"}]}'],
] as const) {
  test(`a file that ${what} is ignored with one line in the log, and replaced`, () => {
    using folder = new TemporaryFolder();
    folder.write('batch-costs.json', text);
    const lines: string[] = [];
    const cache = new CostCache(folder.path, collecting(lines));
    assert.deepEqual(cache.load(), []);
    assert.deepEqual(lines, ['the file of batch costs is ignored']);
    cache.save([snapshot('a')]);
    assert.deepEqual(cache.load(), [snapshot('a')]);
  });
}

test('a folder that cannot be written costs a line in the log, not the stop of the server', () => {
  using folder = new TemporaryFolder();
  const lines: string[] = [];
  const file = folder.write('occupied', '');
  new CostCache(file, collecting(lines)).save([snapshot('a')]);
  assert.ok(lines.includes('batch costs could not be saved'));
});
