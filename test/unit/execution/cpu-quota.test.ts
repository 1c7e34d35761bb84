import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCpuQuota, threadsPerSession } from '../../../src/execution/cpu-quota.ts';

function quota(files: Readonly<Record<string, string>>, cpus = 16): number {
  return readCpuQuota({ readText: (path) => files[path], affinity: () => cpus });
}

test('without control groups the affinity counts', () => {
  assert.equal(quota({}, 3), 3);
});

test('a v2 quota counts, with its fraction', () => {
  assert.equal(quota({ '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '150000 100000\n' }), 1.5);
});

test('the tightest of the ancestors counts', () => {
  const files = {
    '/proc/self/cgroup': '0::/pods/one\n',
    '/sys/fs/cgroup/pods/one/cpu.max': 'max 100000',
    '/sys/fs/cgroup/pods/cpu.max': '200000 100000',
    '/sys/fs/cgroup/cpu.max': '800000 100000',
  };
  assert.equal(quota(files), 2);
});

test('a v1 quota counts under either name of the mount', () => {
  const cgroup = { '/proc/self/cgroup': '4:memory:/x\n3:cpu,cpuacct:/docker/abc\n' };
  for (const mount of ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/cpu,cpuacct']) {
    const files = {
      ...cgroup,
      [`${mount}/docker/abc/cpu.cfs_quota_us`]: '250000\n',
      [`${mount}/docker/abc/cpu.cfs_period_us`]: '50000\n',
    };
    assert.equal(quota(files), 5);
  }
});

test('inside a container the mount itself shows the limit', () => {
  const files = {
    '/proc/self/cgroup': '3:cpu,cpuacct:/docker/abc\n',
    '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '100000',
    '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000',
  };
  assert.equal(quota(files), 1);
});

test('-1, max and nonsense are no limits', () => {
  for (const files of [
    { '/proc/self/cgroup': '1:cpu:/', '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1' },
    { '/proc/self/cgroup': '0::/', '/sys/fs/cgroup/cpu.max': 'max 100000' },
    { '/proc/self/cgroup': '0::/../..', '/sys/fs/cgroup/cpu.max': 'x y' },
    { '/proc/self/cgroup': 'what is this' },
  ]) {
    assert.equal(quota(files), 16);
  }
});

test('the affinity may be tighter than the quota', () => {
  assert.equal(quota({ '/proc/self/cgroup': '0::/', '/sys/fs/cgroup/cpu.max': '800000 100000' }, 2), 2);
});

test('instances share the cores, each with one thread at least', () => {
  assert.deepEqual(
    [threadsPerSession(8, 2), threadsPerSession(1.5, 1), threadsPerSession(0.5, 1), threadsPerSession(2, 8)],
    [4, 1, 1, 1],
  );
});
