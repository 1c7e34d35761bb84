import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const module = new URL('../../../src/cli/young-generation.ts', import.meta.url).href;

interface Growth {
  readonly start: number;
  readonly end: number;
}

/** Bytes of the young generation after `before`, and after many objects have lived through collections. */
function growth(
  before: string,
  flags: readonly string[] = [],
): { readonly start: number; readonly end: number } {
  const program = `
    import { holdYoungGeneration, youngBytes } from '${module}';
    ${before}
    const start = youngBytes();
    let end = start;
    for (let round = 0; round < 20; round += 1) {
      const kept = [];
      for (let index = 0; index < 200_000; index += 1) kept.push([index, {}]);
      end = Math.max(end, youngBytes());
    }
    console.log(JSON.stringify({ start, end }));`;
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, '--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  const measured: Growth = JSON.parse(stdout);
  return measured;
}

test('the young generation grows to its size at once and stays there', () => {
  const held = growth('holdYoungGeneration([]);');
  assert.ok(held.start >= 8 * 2 ** 20, `${held.start} bytes`);
  assert.ok(held.end <= 17 * 2 ** 20, `grew to ${held.end} bytes`);
  const free = growth('');
  assert.ok(free.end > held.end, `left alone it takes ${free.end} bytes`);
});

test("the operator's own choice of its size is left alone", () => {
  const chosen = growth('holdYoungGeneration(process.execArgv);', ['--max-semi-space-size=2']);
  assert.ok(chosen.start < 4 * 2 ** 20, `${chosen.start} bytes`);
});
