import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const calmShare = 0.1;
const windowMs = 250;
const longestWaitMs = 20_000;

/** Time that all cores together have worked since the machine started, in milliseconds; steps of ten. Linux only. */
export function busyMs(): number {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, soft = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + interrupts + soft) * 10;
}

/** Resolves once the machine has done next to nothing for a moment, or after 20 seconds. */
export async function calm(): Promise<void> {
  const until = performance.now() + longestWaitMs;
  while (performance.now() < until) {
    const before = busyMs();
    await pause(windowMs);
    if (busyMs() - before < calmShare * windowMs) return;
  }
}
