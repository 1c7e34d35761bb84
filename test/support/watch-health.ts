import { Connection } from '../../src/client/connection.ts';

/** What the health service says of one service, as it changes. */
export interface HealthWatch extends Disposable {
  /** Every status so far. */
  readonly statuses: readonly string[];
  /** Resolves once the latest status is this one. Rejects when the call ends first. */
  until(status: string): Promise<void>;
}

/** Starts grpc.health.v1.Health/Watch; `service` is '' for the server, or a model's name. */
export function watchHealth(address: string, service: string): HealthWatch {
  const connection = new Connection({ address }, 'health.proto', 'grpc.health.v1.Health');
  const call = connection.stream('Watch');
  const statuses: string[] = [];
  const waiting = new Set<() => void>();
  let ended = false;
  const wake = (): void => {
    for (const look of waiting) look();
  };
  call.on('data', (message: { readonly status: string }) => {
    statuses.push(message.status);
    wake();
  });
  const onEnd = (): void => {
    ended = true;
    wake();
  };
  call.on('error', onEnd).on('end', onEnd);
  call.write({ service });
  call.end();
  return {
    statuses,
    until: (status) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (statuses.at(-1) !== status && !ended) return;
          waiting.delete(look);
          if (statuses.at(-1) === status) resolve();
          else reject(new Error(`the watch of '${service}' ended after ${statuses.join(', ')}`));
        };
        waiting.add(look);
        look();
      }),
    [Symbol.dispose]() {
      call.cancel();
      connection.close();
    },
  };
}
