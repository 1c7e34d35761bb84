import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { posix } from 'node:path';

/** Where the kernel tells limits; tests give a tree of their own. */
export interface QuotaSources {
  readonly readText: (path: string) => string | undefined;
  /** CPUs that this process may be scheduled on. */
  readonly affinity: () => number;
}

const system: QuotaSources = {
  readText(path) {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  },
  affinity: availableParallelism,
};

/**
 * Cores this process may use: the smallest of its CPU affinity and the quotas of its control groups (v2 and v1, all ancestors),
 * with fractions, never the host's count.
 */
export function readCpuQuota({ readText, affinity }: QuotaSources = system): number {
  let cores = affinity();
  for (const line of (readText('/proc/self/cgroup') ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    if (controllers === '') {
      for (const folder of ancestors('/sys/fs/cgroup', path)) {
        cores = Math.min(cores, quotaV2(readText(`${folder}/cpu.max`)));
      }
    } else if (controllers.split(',').includes('cpu')) {
      for (const folder of [
        ...ancestors('/sys/fs/cgroup/cpu', path),
        ...ancestors(`/sys/fs/cgroup/${controllers}`, path),
      ]) {
        cores = Math.min(
          cores,
          quotaV1(readText(`${folder}/cpu.cfs_quota_us`), readText(`${folder}/cpu.cfs_period_us`)),
        );
      }
    }
  }
  return cores;
}

/** Intra-op threads of each of `instances` sessions of a model: together they fill the quota; at least one each. */
export function threadsPerSession(cores: number, instances: number): number {
  return Math.max(1, Math.floor(cores / Math.max(1, instances)));
}

/** The group's own folder and those above it up to the mount, where a container sees its own limits. */
function ancestors(mount: string, path: string): string[] {
  const folders: string[] = [];
  // A group outside the namespace's root is shown as /../..; only the mount itself is visible then.
  for (let at = path.includes('..') ? '/' : posix.normalize(path); at !== '/'; at = posix.dirname(at)) {
    folders.push(mount + at);
  }
  return [...folders, mount];
}

function quotaV2(text: string | undefined): number {
  const [quota, period] = (text ?? 'max').trim().split(/\s+/);
  return quota === 'max' ? Infinity : positiveRatio(Number(quota), Number(period ?? 100_000));
}

function quotaV1(quota: string | undefined, period: string | undefined): number {
  return quota === undefined ? Infinity : positiveRatio(Number(quota), Number(period ?? 100_000));
}

/** -1 means no limit in v1; anything that is no positive number is treated alike. */
function positiveRatio(quota: number, period: number): number {
  return quota > 0 && period > 0 ? quota / period : Infinity;
}
