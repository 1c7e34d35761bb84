import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const lowest = 12_000;

/** Who asked for them may not listen there yet. */
const given = new Set<number>();

/** The kernel takes ports from here on for connections and for servers that do not care. */
function lowestPassing(): number {
  try {
    return Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
  } catch {
    return 32_768;
  }
}

/**
 * A port of 127.0.0.1 that nothing listens on, for what has to know it beforehand or comes back to it. Nothing takes it
 * meanwhile: it is none of those that the kernel gives away, as it would the port of whoever is gone for a moment.
 */
export async function freePort(): Promise<number> {
  const highest = Math.max(lowest + 1000, lowestPassing());
  for (;;) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (given.has(port)) continue;
    const probe = createServer();
    const bound = await Promise.race([
      once(probe.listen(port, '127.0.0.1'), 'listening').then(() => true),
      once(probe, 'error').then(() => false),
    ]).catch(() => false);
    if (!bound) continue;
    probe.close();
    await once(probe, 'close');
    given.add(port);
    return port;
  }
}
