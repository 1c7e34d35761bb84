import { freePort } from './free-port.ts';
import { eventually, RedisServer } from './redis-server.ts';
import { TemporaryFolder } from './temporary-folder.ts';

const slotCount = 16_384;

/** Three nodes that share the slots, and a replica of the first that takes its place when that is gone for a second. */
export class RedisCluster implements AsyncDisposable {
  readonly masters: readonly RedisServer[];
  readonly replica: RedisServer;
  readonly #undo: AsyncDisposableStack;

  private constructor(masters: readonly RedisServer[], replica: RedisServer, undo: AsyncDisposableStack) {
    this.masters = masters;
    this.replica = replica;
    this.#undo = undo;
  }

  static async start(): Promise<RedisCluster> {
    await using undo = new AsyncDisposableStack();
    const folder = undo.use(new TemporaryFolder());
    const nodes: RedisServer[] = [];
    const busPorts: number[] = [];
    for (let number = 0; number < 4; number++) {
      const busPort = await freePort();
      const file = `${folder.path}/nodes-${number}.conf`;
      nodes.push(undo.use(await RedisServer.start({ args: clusterSettings(file, busPort) })));
      busPorts.push(busPort);
    }
    const [first, second, third, replica] = nodes;
    if (first === undefined || second === undefined || third === undefined || replica === undefined) {
      throw new Error('bug: there are four nodes');
    }
    const masters = [first, second, third];
    for (const [index, node] of masters.entries()) {
      const from = Math.floor((index * slotCount) / masters.length);
      const to = Math.floor(((index + 1) * slotCount) / masters.length) - 1;
      await node.use((client) => client.call('CLUSTER', 'ADDSLOTSRANGE', from, to));
    }
    for (const [index, node] of nodes.entries()) {
      await first.use((client) =>
        client.call('CLUSTER', 'MEET', '127.0.0.1', node.port, busPorts[index] ?? 0),
      );
    }
    for (const node of nodes) await eventually(() => knows(node, nodes.length));
    const id = await first.use((client) => client.call('CLUSTER', 'MYID'));
    await replica.use((client) => client.call('CLUSTER', 'REPLICATE', String(id)));
    await eventually(async () => {
      const info = await replica.use((client) => client.info('replication'));
      return info.includes('master_link_status:up');
    });
    for (const node of masters)
      await eventually(async () => (await clusterInfo(node)).includes('cluster_state:ok'));
    return new RedisCluster(masters, replica, undo.move());
  }

  /** Whether a node that answers has a value with these bytes in it. */
  async holds(bytes: Buffer): Promise<boolean> {
    for (const node of [...this.masters, this.replica]) {
      if (await node.holds(bytes).catch(() => false)) return true;
    }
    return false;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#undo.disposeAsync();
  }
}

function clusterSettings(file: string, busPort: number): readonly string[] {
  const settings = {
    'cluster-enabled': 'yes',
    'cluster-config-file': file,
    'cluster-port': `${busPort}`,
    'cluster-node-timeout': '1000',
    'repl-diskless-sync-delay': '0',
    'repl-diskless-load': 'swapdb',
    'cluster-require-full-coverage': 'no',
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

function clusterInfo(node: RedisServer): Promise<string> {
  return node.use(async (client) => String(await client.call('CLUSTER', 'INFO')));
}

async function knows(node: RedisServer, count: number): Promise<boolean> {
  const known = await node.use(async (client) => String(await client.call('CLUSTER', 'NODES')));
  const lines = known.split('\n').filter((line) => line.includes(' connected'));
  return lines.length === count && !known.includes('handshake');
}
