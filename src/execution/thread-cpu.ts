/**
 * Processor time that this thread has used, in milliseconds. Linux updates a running thread's figure at timer ticks,
 * milliseconds apart, and when the process's own is asked for.
 */
export function threadCpuMs(): number {
  process.cpuUsage();
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
