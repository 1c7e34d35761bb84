import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  readServer,
  type MetricsSources,
  type OwnReadings,
} from '../../../../src/observability/metrics/server-reading.ts';
import type { ServingObservation } from '../../../../src/observability/observation.ts';
import {
  buildQueue,
  buildRuntime,
  buildThread,
  buildTransport,
  buildVersion,
} from '../../../support/build-reading.ts';

function sources(
  observation: Partial<ServingObservation>,
  overrides: Partial<MetricsSources> = {},
): MetricsSources {
  return {
    versions: () => [],
    observe: async () => ({ queues: [], threads: [], ioThreadRestarts: 0, ...observation }),
    ready: () => true,
    budget: { heldBytes: 1, limitBytes: 2 },
    build: { version: '1', node: '2' },
    ...overrides,
  };
}

function own(overrides: Partial<OwnReadings> = {}): OwnReadings {
  return {
    runtime: buildRuntime({ heapUsedBytes: 42 }),
    process: { cpuSeconds: 1, residentBytes: 2, startedAtSeconds: 3 },
    machine: undefined,
    nextTurn: () => Promise.resolve(),
    ...overrides,
  };
}

test('a version that is being replaced is told once: what waits adds up, counts are the newer one’s', async () => {
  const older = buildQueue({
    queuedRequests: 3,
    queuedRows: 4,
    queuedBytes: 5,
    oldestMs: 60,
    closed: { full: 100 },
  });
  const newer = buildQueue({
    queuedRequests: 1,
    queuedRows: 1,
    queuedBytes: 1,
    oldestMs: 2,
    closed: { full: 7 },
  });
  const other = buildQueue({ version: '2', queuedRequests: 9 });
  const { queues } = await readServer(sources({ queues: [older, other, newer] }), own());
  assert.deepEqual(
    queues.map(({ version, queuedRequests, queuedRows, queuedBytes, oldestMs, closed }) => [
      version,
      queuedRequests,
      queuedRows,
      queuedBytes,
      oldestMs,
      closed['full'],
    ]),
    [
      ['1', 4, 5, 6, 60, 7],
      ['2', 9, 0, 0, 0, 0],
    ],
  );
});

test('the thread that asks is main, with what serves on it and what was seen of it', async () => {
  const transports = [buildTransport()];
  const { threads } = await readServer(
    sources({ threads: [buildThread({ thread: 'main', transports })] }),
    own(),
  );
  assert.deepEqual(
    threads.map(({ thread, runtime }) => [thread, runtime?.heapUsedBytes]),
    [['main', 42]],
  );
  assert.equal(threads[0]?.transports, transports);
});

test('beside I/O threads there is main as well', async () => {
  const io = buildThread({ thread: 'io-0', runtime: buildRuntime({ heapUsedBytes: 7 }) });
  const { threads } = await readServer(sources({ threads: [io] }), own());
  assert.deepEqual(
    threads.map(({ thread, runtime }) => [thread, runtime?.heapUsedBytes]),
    [
      ['main', 42],
      ['io-0', 7],
    ],
  );
});

test('many versions are read in turns', async () => {
  const read: string[] = [];
  function* versions() {
    for (let n = 0; n < 50; n++) {
      read.push('version');
      yield buildVersion({ name: `m${n}` });
    }
  }
  const reading = await readServer(
    sources({}, { versions }),
    own({
      nextTurn: async () => {
        read.push('turn');
      },
    }),
  );
  assert.equal(reading.versions.length, 50);
  const between = read.join(' ').split('turn');
  assert.ok(between.length > 2);
  for (const run of between) assert.ok(run.trim().split(' ').length <= 20);
});
