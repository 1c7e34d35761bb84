import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const module = new URL('../../../src/cli/young-generation.ts', import.meta.url).href;

interface Growth {
  readonly start: number;
  readonly end: number;
}

/** Bytes of the young generation after `before`, and after many objects have lived through collections, until it is larger than `enough`. */
function growth(
  before: string,
  flags: readonly string[] = [],
  { rounds = 20, enough = 2 ** 53 } = {},
): { readonly start: number; readonly end: number } {
  const program = `
    import { holdYoungGeneration, youngBytes } from '${module}';
    ${before}
    const start = youngBytes();
    let end = start;
    for (let round = 0; round < ${rounds} && end <= ${enough}; round += 1) {
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
  // How soon depends on how busy the machine is.
  const free = growth('', [], { rounds: 400, enough: held.end });
  assert.ok(free.end > held.end, `left alone it takes ${free.end} bytes`);
});

/** Bytes of the young generation of a thread that is started when it is held, once many objects have come and gone. */
function heldInThread(): number {
  const thread = `
    const { getHeapSpaceStatistics } = process.getBuiltinModule('node:v8');
    for (let index = 0; index < 3_000_000; index += 1) globalThis.last = [index];
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    console.log(young.space_size);`;
  const program = `
    import { Worker } from 'node:worker_threads';
    import { holdYoungGeneration } from '${module}';
    holdYoungGeneration([]);
    new Worker(${JSON.stringify(thread)}, { eval: true });`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  return Number(stdout);
}

test('threads that start later have it from birth', () => {
  const held = heldInThread();
  assert.ok(held >= 8 * 2 ** 20 && held <= 17 * 2 ** 20, `${held} bytes`);
});

test("the operator's own choice of its size is left alone", () => {
  const chosen = growth('holdYoungGeneration(process.execArgv);', ['--max-semi-space-size=2']);
  assert.ok(chosen.start < 4 * 2 ** 20, `${chosen.start} bytes`);
});

/** Collections of the young generation while many large buffers come and go, with a few in flight at any moment. */
function youngCollections(before: string): number {
  const received = new URL('../../../src/util/received-bytes.ts', import.meta.url).href;
  const program = `
    import { PerformanceObserver, constants } from 'node:perf_hooks';
    import { collectByReceivedBytes } from '${module}';
    import { noteReceived } from '${received}';
    let young = 0;
    new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) young += 1;
    }).observe({ entryTypes: ['gc'] });
    ${before}
    const inFlight = [];
    for (let round = 0; round < 1500; round += 1) {
      inFlight.push(Buffer.allocUnsafeSlow(600_000));
      if (inFlight.length > 16) inFlight.shift();
      noteReceived(600_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    console.log(young);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  return Number(stdout);
}

test('the young generation is collected for large tensors, though they hardly fill it', () => {
  const collected = youngCollections('collectByReceivedBytes();');
  const alone = youngCollections('');
  assert.ok(collected >= alone + 10, `${collected}, and ${alone} when left alone`);
});
