import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TemporaryFolder } from '../../support/temporary-folder.ts';
import { findProgram } from '../../support/tools.ts';

/** Envoy in front of two servers. */
export interface RunningEnvoy extends AsyncDisposable {
  /** host:port for gRPC clients. */
  readonly address: string;
  /** One of Envoy's own counters or gauges of its cluster, e.g. `membership_healthy`. */
  clusterStat(name: string): Promise<number>;
  /** Resolves when a statistic is what `holds` asks for. Rejects after a minute. */
  until(name: string, holds: (value: number) => boolean): Promise<void>;
}

/** Resolves once Envoy takes calls and finds both servers healthy. */
export function startEnvoy(ports: readonly [number, number]): Promise<RunningEnvoy> {
  const template = readFileSync(join(import.meta.dirname, 'envoy.yaml'), 'utf8');
  return runEnvoy(
    template.replaceAll('PORT_ONE', String(ports[0])).replaceAll('PORT_OTHER', String(ports[1])),
  );
}

/** Runs it with a configuration, YAML or JSON, of one listener and a cluster `servers` with two addresses. */
export async function runEnvoy(text: string): Promise<RunningEnvoy> {
  const folder = new TemporaryFolder();
  const config = folder.write('envoy.yaml', text);
  const adminFile = join(folder.path, 'admin');
  const flags = ['--disable-hot-restart', '--concurrency', '1', '--log-level', 'error'];
  const child = spawn(
    findProgram('envoy').path,
    [...flags, '--admin-address-path', adminFile, '--config-path', config],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const closed = once(child, 'close');
  const errors: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await closed;
    folder[Symbol.dispose]();
  };
  const until = async (what: string, look: () => Promise<boolean>): Promise<void> => {
    const limit = performance.now() + 60_000;
    while (!(await look().catch(() => false))) {
      if (child.exitCode !== null || performance.now() > limit) {
        throw new Error(`Envoy does not come to ${what}:\n${errors.join('')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const admin = async (path: string): Promise<string> => {
    const response = await fetch(`http://${readFileSync(adminFile, 'utf8')}${path}`);
    return response.text();
  };
  const stat = async (full: string): Promise<number> => {
    const line = (await admin(`/stats?filter=^${full}$`)).trim();
    return Number(line.slice(full.length + 1));
  };
  const clusterStat = (name: string): Promise<number> => stat(`cluster.servers.${name}`);
  try {
    await until('two healthy servers', async () => (await clusterStat('membership_healthy')) === 2);
    await until('listening', async () => (await stat('listener_manager.workers_started')) === 1);
    const listener = /127\.0\.0\.1:\d+/.exec(await admin('/listeners'));
    if (listener === null) throw new Error('Envoy does not say where it listens');
    return {
      address: listener[0],
      clusterStat,
      until: (name, holds) => until(name, async () => holds(await clusterStat(name))),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
