import { createServer as createSocketServer } from 'node:net';

/** Threads that share a port also share it with other processes that would: a second server must be refused. @throws when the port is taken. */
export function checkFree(host: string, port: number): Promise<void> {
  if (port === 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const probe = createSocketServer();
    probe.once('error', reject);
    probe.listen({ host, port }, () => probe.close(() => resolve()));
  });
}
