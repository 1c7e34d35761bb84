import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MachineMonitor } from '../../../../src/observability/metrics/machine-monitor.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const meminfo = 'MemTotal:        1000 kB\nMemFree:          10 kB\nMemAvailable:     400 kB\n';

function setUp(stat: string) {
  const files: Record<string, string> = { '/proc/stat': stat, '/proc/meminfo': meminfo };
  const clock = new FakeClock();
  const read = async (path: string): Promise<string> => {
    const text = files[path];
    if (text === undefined) throw new Error('ENOENT');
    return text;
  };
  return { files, clock, start: () => MachineMonitor.start({ clock, intervalMs: 1000, read }) };
}

function ticks(user: number, idle: number): string {
  return `cpu  ${user} 0 0 ${idle} 5 0 0 0 0 0\ncpu0 1 2 3 4\n`;
}

test('processor use is the busy share of the time since the last reading, memory what is not available', async () => {
  const { files, clock, start } = setUp(ticks(100, 100));
  const monitor = await start();
  files['/proc/stat'] = ticks(130, 190);
  assert.deepEqual(await monitor?.read(), {
    cpuUtilization: 0.25,
    memoryTotalBytes: 1_024_000,
    memoryUsedBytes: 614_400,
  });
  clock.advance(1000);
  files['/proc/stat'] = ticks(190, 210);
  assert.equal((await monitor?.read())?.cpuUtilization, 0.75);
});

test('within the interval processor use stays as it was', async () => {
  const { files, clock, start } = setUp(ticks(0, 0));
  const monitor = await start();
  files['/proc/stat'] = ticks(50, 50);
  await monitor?.read();
  clock.advance(999);
  files['/proc/stat'] = ticks(150, 50);
  assert.equal((await monitor?.read())?.cpuUtilization, 0.5);
  clock.advance(1);
  assert.equal((await monitor?.read())?.cpuUtilization, 1);
});

test('a machine whose clock of work stands still is idle', async () => {
  const { start } = setUp(ticks(7, 7));
  assert.equal((await (await start())?.read())?.cpuUtilization, 0);
});

for (const [what, stat] of [
  ['has no such file', undefined],
  ['writes another form', 'cpu0 1 2 3 4\n'],
] as const) {
  test(`a machine that ${what} tells nothing`, async () => {
    const { files, start } = setUp('');
    if (stat === undefined) delete files['/proc/stat'];
    else files['/proc/stat'] = stat;
    assert.equal(await start(), undefined);
  });
}

test('what can no longer be read is left out', async () => {
  const { files, start } = setUp(ticks(1, 1));
  const monitor = await start();
  files['/proc/meminfo'] = 'MemTotal: 1 kB\n';
  assert.equal(await monitor?.read(), undefined);
});
