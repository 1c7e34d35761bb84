import { eventually, RedisServer } from './redis-server.ts';
import { TemporaryFolder } from './temporary-folder.ts';

const sentinelCount = 3;

/** A master, a replica of it, and three Sentinels that make the replica the master when that is gone for a second. */
export class RedisSentinels implements AsyncDisposable {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly sentinels: readonly RedisServer[];
  readonly #undo: AsyncDisposableStack;

  private constructor(
    [master, replica, ...sentinels]: readonly [RedisServer, RedisServer, ...RedisServer[]],
    undo: AsyncDisposableStack,
  ) {
    this.master = master;
    this.replica = replica;
    this.sentinels = sentinels;
    this.#undo = undo;
  }

  static async start(): Promise<RedisSentinels> {
    await using undo = new AsyncDisposableStack();
    const folder = undo.use(new TemporaryFolder());
    const master = undo.use(await RedisServer.start({ args: ['--repl-diskless-sync-delay', '0'] }));
    const follow = ['--replicaof', '127.0.0.1', `${master.port}`, '--repl-diskless-load', 'swapdb'];
    const replica = undo.use(await RedisServer.start({ args: follow }));
    await eventually(async () => {
      const info = await replica.use((client) => client.info('replication'));
      return info.includes('master_link_status:up');
    });
    const sentinels: RedisServer[] = [];
    for (let number = 0; number < sentinelCount; number++) {
      // Sentinels rewrite their own files.
      const file = folder.write(`sentinel-${number}.conf`, sentinelConfig(master.port));
      sentinels.push(undo.use(await RedisServer.start({ args: [file, '--sentinel'] })));
    }
    for (const sentinel of sentinels) {
      await eventually(async () => {
        const [others, replicas] = await sentinel.use((client) =>
          Promise.all([
            client.call('SENTINEL', 'SENTINELS', 'mymaster'),
            client.call('SENTINEL', 'REPLICAS', 'mymaster'),
          ]),
        );
        return lengthOf(others) === sentinelCount - 1 && lengthOf(replicas) === 1;
      });
    }
    return new RedisSentinels([master, replica, ...sentinels], undo.move());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#undo.disposeAsync();
  }
}

function lengthOf(answer: unknown): number {
  return Array.isArray(answer) ? answer.length : -1;
}

function sentinelConfig(masterPort: number): string {
  return [
    `sentinel monitor mymaster 127.0.0.1 ${masterPort} 2`,
    'sentinel down-after-milliseconds mymaster 1000',
    'sentinel failover-timeout mymaster 3000',
    '',
  ].join('\n');
}
