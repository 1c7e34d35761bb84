import { readFileSync } from 'node:fs';

/** Time that all cores together have worked since the machine started, in milliseconds; steps of ten. Linux only. */
export function busyMs(): number {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, soft = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + interrupts + soft) * 10;
}
