import { readdirSync, readFileSync } from 'node:fs';

/** CPU time that all threads of a process have used so far, user and system together, in nanoseconds. Linux only. */
export function cpuNs(pid: number): number {
  let sum = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    // The first field of schedstat is the time on a core; a thread that ends while we look counts no more.
    const [run] = readIfThere(`/proc/${pid}/task/${thread}/schedstat`).split(' ');
    sum += Number(run);
  }
  return sum;
}

/** Resident memory of a process in bytes. */
export function rssBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) * 1024;
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '0';
  }
}
